-- Of the runs that are kept, the few that are under way: they are looked for all the time.
CREATE INDEX runs_under_way ON runs (id) WHERE state = 'running';
