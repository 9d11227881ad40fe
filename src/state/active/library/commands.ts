/** What apps call: arguments and replies are those of the Redis command. Everything is checked before anything is written. */
export const COMMANDS: string = String.raw`
local function ok() return redis.status_reply('OK') end
local NOT_INTEGER = 'ERR value is not an integer or out of range'
local OVERFLOW = 'ERR increment or decrement would overflow'

-- A command of an app. run(argv, key, keys) gives the reply, or nil and the error.
local function command(name, least, run)
  local arity = "ERR wrong number of arguments for '" .. name .. "' command"
  redis.register_function('tw_' .. name, function(keys, argv)
    if not start() then return fail(CLOSED) end
    if #keys == 0 or #argv < least then return fail(arity) end
    local said, wrong = run(argv, keys[1], keys)
    if wrong then return fail(wrong == 'arity' and arity or wrong) end
    return said
  end)
end

-- The kind that an app sees, 'none' where the time of the key is over.
local function kind_of(key)
  local due = is_due(key)
  return due and 'none' or raw('TYPE', key).ok, due
end
-- Right before the first write to a key of that kind: removes what is over, and an expiry that no data had any more.
local function begin(key, kind, due)
  if due then expire_if_due(key) end
  if kind ~= 'none' then return {} end
  local dots = observed(read_cell('x', key, ''))
  return #dots == 0 and {} or { { 'r', 'x', key, '', dots, {} } }
end
local function put(kind, key, sub, value)
  local dots, resets = observed(read_cell(kind, key, sub))
  return { 'w', kind, key, sub, value, dots, resets }
end
local function drop(kind, key, sub)
  local dots, resets = observed(read_cell(kind, key, sub))
  return { 'r', kind, key, sub, dots, resets }
end
-- The values, each once, as they came first; of a repeated one the last of what goes with it counts.
local function once(values, step)
  local out, place = {}, {}
  for i = 1, #values, step do
    local v = values[i]
    if place[v] == nil then
      place[v] = #out + 1
      out[#out + 1] = { v, values[i + step - 1] }
    else out[place[v]][2] = values[i + step - 1] end
  end
  return out
end

local function push(side)
  return function(argv, key)
    local kind, due = kind_of(key)
    if kind ~= 'none' and kind ~= 'list' then return nil, WRONGTYPE end
    local ops = begin(key, kind, due)
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
    local kind, due = kind_of(row[1])
    if kind ~= 'none' then there = there + 1 end
    if kind ~= 'none' or due then known[#known + 1] = row[1] end
  end
  if #known > 0 then commit({ deletion(known) }) end
  return there
end
command('del', 0, delete)
command('unlink', 0, delete)
`;
