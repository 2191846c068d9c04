# What jaq's own definitions are to find under these names.
def limit($n; f): ($n | __counted) as $n | __limit($n; f);
def skip($n; f): ($n | __counted) as $n | __skip($n; f);
