/**
 * When a key ends: a cell of its own (x), carried by the app's key so that reads are exact, and by tw:due in the order in
 * which they come. A key whose time is over is hidden, nothing else: a longer time that is on its way shows it again. What
 * is hidden is forgotten by a deletion, once no cluster can have said anything else before the end.
 */
export const EXPIRY: string = String.raw`
local function expiry_of(key)
  if not any('tw:due') then return nil end
  local value = shown(read_cell('x', key, ''))
  return value and tonumber(value)
end
local function is_over(key)
  local ms = expiry_of(key)
  return ms ~= nil and ms <= now
end

local function build_list(key)
  local values = {}
  for i, row in ipairs(meta('LRANGE', 'l:' .. key, 0, -1)) do values[i] = cmsgpack.unpack(row)[4] end
  many(raw, 'RPUSH', key, values)
end
local function build_hash(key)
  local rows, flat = meta('HGETALL', 'h:' .. key), {}
  for i = 1, #rows, 2 do
    flat[#flat + 1] = rows[i]
    flat[#flat + 1] = shown(cmsgpack.unpack(rows[i + 1]))
  end
  many(raw, 'HSET', key, flat)
end
-- Makes the key of the app from all that is known of it. Of kinds that were created at once the first one is shown.
local function rebuild(key)
  raw('DEL', key)
  local ms = expiry_of(key)
  if ms and ms <= now then return end
  if meta('EXISTS', 'l:' .. key) == 1 then build_list(key)
  elseif meta('EXISTS', 't:' .. key) == 1 then many(raw, 'SADD', key, meta('HKEYS', 't:' .. key))
  elseif meta('EXISTS', 'h:' .. key) == 1 then build_hash(key)
  elseif meta('EXISTS', 's:' .. key) == 1 then raw('SET', key, shown(read_cell('s', key, '')))
  else return end
  if ms then raw('PEXPIREAT', key, text(ms)) end
end

local function show_expiry(key)
  local value = shown(read_cell('x', key, ''))
  if value then
    meta('ZADD', 'tw:due', value, key)
    some['tw:due'] = true
  else meta('ZREM', 'tw:due', key) end
  local over = value ~= nil and tonumber(value) <= now
  if over then raw('DEL', key)
  elseif raw('EXISTS', key) == 0 then rebuild(key)
  elseif value then raw('PEXPIREAT', key, value)
  else raw('PERSIST', key) end
end

-- The kind that an app sees, 'none' where the time is over. Redis may have taken a key away by a clock that was set back.
local function kind_seen(key)
  local ms = expiry_of(key)
  if ms and ms <= now then
    -- Redis' own time of this call is a little older: the key may still be there.
    raw('DEL', key)
    return 'none', true
  end
  local kind = raw('TYPE', key).ok
  if kind == 'none' and ms then
    rebuild(key)
    kind = raw('TYPE', key).ok
  end
  return kind, false
end
`;
