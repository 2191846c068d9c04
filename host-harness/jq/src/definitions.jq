# What jq 1.8 has and jaq has not, or has otherwise. Names that begin with `__` are the
# filter's own.

# Reductions, as the rewriting of filters needs them.
def __last(f): [f][-1];
def __one(f): [f] | if length == 1 then .[0]
  else error("the start of `reduce`, each step of `foreach` and what `sub` puts in make one value; here they make \(length)") end;
def __update(paths; f): reduce path(paths) as $path ([., []];
    . as [$now, $gone] | [$now | getpath($path) | first(f)] as $new
    | if $new == [] then [$now, $gone + [$path]] else [($now | setpath($path; $new[0])), $gone] end)
  | . as [$now, $gone] | $now | delpaths($gone);

# Conversion
def toboolean: if isboolean then . elif . == "true" then true elif . == "false" then false
  else error("\(tojson) is neither true nor false") end;

# Arrays
def __flatten($depth): reduce .[] as $x ([];
  if ($x | isarray) and $depth != 0 then . + ($x | __flatten($depth - 1)) else . + [$x] end);
def flatten($depth): if $depth < 0 then error("the depth of flatten must not be negative")
  else __flatten($depth) end;
def flatten: __flatten(-1);
def index($i): indices($i)[0];
def rindex($i): indices($i)[-1];
def nth($n; f): if $n < 0 then error("nth does not count from the end") else first(skip($n; f)) end;
def nth($n): .[$n];
def combinations($n): . as $dot | [range($n)] | map($dot) | combinations;

# Paths
def del(f): delpaths([path(f)]);
def pick(f): . as $whole | reduce path(f) as $path (null; setpath($path; $whole | getpath($path)));
def tostream: path(def r: (.[]? | r), .; r) as $path | getpath($path)
  | reduce path(.[]?) as $last ([$path, .]; [$path + $last]);

# Tables
def from_entries: reduce .[] as $entry ({}; . + ($entry
  | { (.key // .Key // .name // .Name): (if has("value") then .value else .Value end) }));
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);
def IN(s): any(s == .; .);
def IN(source; s): any(source == s; .);

# Numbers
def gamma: lgamma;
def nearbyint: rint;

# Texts
def trimstr($text): if isstring and ($text | isstring) then
    (if startswith($text) then .[($text | length):] else . end)
    | if $text != "" and endswith($text) then .[:-($text | length)] else . end
  else error("trimstr needs texts") end;

# Regular expressions: one in an array has its options beside it.
def __pattern: if isarray then .[0] end;
def __options: if isarray then .[1] else null end;
def __captured: [.[1:][] | select(.name != null) | { (.name): .string }] | add + {};
def test($re; $options): __matches($re; $options) | length > 0;
def test($re): test($re | __pattern; $re | __options);
def match($re; $options): __matches($re; $options)[] | .[0] + { captures: .[1:] };
def match($re): match($re | __pattern; $re | __options);
def capture($re; $options): __matches($re; $options)[] | __captured;
def capture($re): capture($re | __pattern; $re | __options);
def scan($re; $options): __matches($re; "g" + $options)[]
  | if length > 1 then [.[1:][].string] else .[0].string end;
def scan($re): scan($re; null);
def split($re; $options): __between($re; "g" + $options);
def splits($re; $options): split($re; $options)[];
def splits($re): splits($re; null);
def sub($re; f; $options): reduce __parts($re; $options)[] as $part ("";
  . + ($part | if isarray then __one(__captured | f) end));
def sub($re; f): sub($re; f; "");
def gsub($re; f; $options): sub($re; f; "g" + $options);
def gsub($re; f): sub($re; f; "g");

# Dates, in UTC
def strftime($format): ($format | __time_format("AaBbCDdeFGgHhIjklMmnpRSsTtUuVWwYyz")) as $format
  | if isarray then mktime else . end | __strftime($format);
def strptime($format): ($format | __time_format("AaBbCDdeFHhIjklMmnpRSsTtYy")) as $format
  | __strptime($format);
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def todateiso8601: todate;
def dateiso8601: todate;
def fromdateiso8601: __iso_date | __fromdate;
def fromdate: fromdateiso8601;
