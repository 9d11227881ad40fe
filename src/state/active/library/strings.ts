/** Strings and their counters. */
export const STRINGS: string = String.raw`
-- SET of any kind: removes all that is known of the key, whatever its kind.
local function set(key, value, ms)
  local ops = {}
  local others = meta('EXISTS', 'l:' .. key, 't:' .. key, 'h:' .. key) > 0
  if others then
    ops[1] = deletion({ key })
    ops[2] = { 'w', 's', key, '', value, {}, {} }
    if ms then ops[3] = { 'w', 'x', key, '', text(ms), {}, {} } end
  else
    ops[1] = put('s', key, '', value)
    local ends = drop('x', key, '')
    if ms then ops[2] = put('x', key, '', text(ms))
    elseif #ends[5] > 0 then ops[2] = ends end
  end
  commit(ops)
  return ok()
end
-- When it ends; only times that are still to come.
local function term(arg, unit, name)
  local n = whole(arg)
  if n == nil then return nil, NOT_INTEGER end
  if n <= 0 or not exact(n * unit + now) then return nil, "ERR invalid expire time in '" .. name .. "' command" end
  return n * unit + now
end

command('set', 1, function(argv, key)
  if #argv == 1 then return set(key, argv[1]) end
  local unit = ({ EX = 1000, PX = 1 })[string.upper(argv[2])]
  if unit == nil or #argv ~= 3 then return nil, 'ERR syntax error' end
  local ms, wrong = term(argv[3], unit, 'set')
  if ms == nil then return nil, wrong end
  return set(key, argv[1], ms)
end)
local function set_with(name, unit)
  command(name, 2, function(argv, key)
    if #argv ~= 2 then return nil, 'arity' end
    local ms, wrong = term(argv[1], unit, name)
    if ms == nil then return nil, wrong end
    return set(key, argv[2], ms)
  end)
end
set_with('setex', 1000)
set_with('psetex', 1)

-- The counter of a key that is over, or not there, begins at 0.
local function add(key, delta)
  local kind, over = kind_seen(key)
  if kind ~= 'none' and kind ~= 'string' then return nil, WRONGTYPE end
  if over and not exact(delta) then return nil, OVERFLOW end
  local ops = begin(key, kind, over)
  local op, wrong, sum = adding('s', key, '', delta, NOT_INTEGER)
  if op == nil then return nil, wrong end
  ops[#ops + 1] = op
  commit(ops)
  return sum
end
local function counter(name, sign)
  command(name, 0, function(argv, key)
    if #argv > 0 then return nil, 'arity' end
    return add(key, sign)
  end)
  command(name .. 'by', 1, function(argv, key)
    if #argv > 1 then return nil, 'arity' end
    local n = whole(argv[1])
    if n == nil then return nil, NOT_INTEGER end
    if sign < 0 and argv[1] == '-9223372036854775808' then return nil, 'ERR decrement would overflow' end
    return add(key, sign * n)
  end)
end
counter('incr', 1)
counter('decr', -1)
`;
