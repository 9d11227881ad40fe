/** When a key ends: a cell of its own, shown as the expiry of the app's key and in tw:due. */
export const EXPIRY: string = String.raw`
local function expiry_of(key)
  local value = shown(read_cell('x', key, ''))
  return value and tonumber(value)
end
-- The key of the app carries the expiry, so that reads are exact; tw:due is the order in which they come.
local function keep_expiry(key)
  local ms = expiry_of(key)
  if ms then raw('PEXPIREAT', key, text(ms)) end
end
local function show_expiry(key)
  local ms = expiry_of(key)
  if ms then
    meta('ZADD', 'tw:due', text(ms), key)
    some['tw:due'] = true
    raw('PEXPIREAT', key, text(ms))
  else
    meta('ZREM', 'tw:due', key)
    raw('PERSIST', key)
  end
end

-- Is the time of this key over? Redis may have taken the app's key away already, also by a clock that was set back since.
local function is_due(key)
  if not any('tw:due') then return false end
  local ms = expiry_of(key)
  if ms == nil then return false end
  if ms <= now then return true end
  return raw('EXISTS', key) == 0 and meta('EXISTS', 'l:' .. key, 't:' .. key, 'h:' .. key, 's:' .. key) > 0
end
`;
