-- What earlier versions had and this one has not, for updates and for the plain script over an earlier one. Everything
-- else replaces what it finds; where there was nothing, nothing happens here.

-- 0.1.0
