/** Lists, whole keys, expiry. */
export const COMMANDS: string = String.raw`
local function push(side)
  return function(argv, key)
    local kind, over = kind_seen(key)
    if kind ~= 'none' and kind ~= 'list' then return nil, WRONGTYPE end
    local ops = begin(key, kind, over)
    ops[#ops + 1] = { 'l', key, side, argv }
    commit(ops)
    flush_lists()
    return raw('LLEN', key)
  end
end
command('rpush', 1, push('R'))
command('lpush', 1, push('L'))

local function delete(_, _, keys)
  local there, known = 0, {}
  for _, row in ipairs(once(keys, 1)) do
    local kind, over = kind_seen(row[1])
    if kind ~= 'none' then there = there + 1 end
    if kind ~= 'none' or over then known[#known + 1] = row[1] end
  end
  if #known > 0 then commit({ deletion(known) }) end
  return there
end
command('del', 0, delete)
command('unlink', 0, delete)

-- When a key ends, in ms; nil and the error where Redis takes no such time.
local function time_of(arg, unit, from, name)
  local n = whole(arg)
  if n == nil then return nil, NOT_INTEGER end
  local ms = n * unit + from
  if not exact(ms) or not exact(n * unit) then return nil, "ERR invalid expire time in '" .. name .. "' command" end
  return ms
end
local function expire(name, unit, relative)
  command(name, 1, function(argv, key)
    if #argv > 1 then return nil, 'ERR Unsupported option ' .. argv[2] end
    local ms, wrong = time_of(argv[1], unit, relative and now or 0, name)
    if ms == nil then return nil, wrong end
    if kind_seen(key) == 'none' then return 0 end
    if ms <= now then commit({ deletion({ key }) })
    else commit({ put('x', key, '', text(ms)) }) end
    return 1
  end)
end
expire('expire', 1000, true)
expire('pexpire', 1, true)
expire('expireat', 1000, false)
expire('pexpireat', 1, false)
command('persist', 0, function(argv, key)
  if #argv > 0 then return nil, 'arity' end
  if kind_seen(key) == 'none' then return 0 end
  local op = drop('x', key, '')
  if #op[5] == 0 then return 0 end
  commit({ op })
  return 1
end)
`;
