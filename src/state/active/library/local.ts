/** What all commands of apps share. Everything is checked before anything is written. */
export const LOCAL: string = String.raw`
local function ok() return redis.status_reply('OK') end
local NOT_INTEGER = 'ERR value is not an integer or out of range'
local OVERFLOW = 'ERR increment or decrement would overflow'

-- As in Redis itself, what makes room is not refused for want of it.
local FREES = { del = true, unlink = true, hdel = true, srem = true }

-- A command of an app. run(argv, key, keys) gives the reply, or nil and the error.
local function command(name, least, run)
  local arity = "ERR wrong number of arguments for '" .. name .. "' command"
  local function callback(keys, argv)
    if not start() then return fail(CLOSED) end
    if #keys == 0 or #argv < least then return fail(arity) end
    local said, wrong = run(argv, keys[1], keys)
    if wrong then return fail(wrong == 'arity' and arity or wrong) end
    return said
  end
  local flags = FREES[name] and { 'allow-oom' } or {}
  redis.register_function{ function_name = 'tw_' .. name, callback = callback, flags = flags }
end

-- Right before the first write to a key of that kind: removes what is over, and an expiry that no data had any more.
local function begin(key, kind, over)
  if over then begin_anew(key) end
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

-- A whole number as Redis takes it (64 bits). Beyond MAX it is not exact, and no command goes on with it.
local function whole(s)
  local sign, digits = string.match(s, '^(%-?)(%d+)$')
  if digits == nil or (digits ~= '0' and string.sub(digits, 1, 1) == '0') or s == '-0' or #digits > 19 then return nil end
  local limit = sign == '-' and '9223372036854775808' or '9223372036854775807'
  if #digits == 19 and before(limit, digits) then return nil end
  return tonumber(s)
end
local function exact(n) return n <= MAX and n >= -MAX end
-- The operation that adds to the counter of a cell; nil and the error where Redis would not.
local function adding(kind, key, sub, delta, not_integer)
  local cell = read_cell(kind, key, sub)
  local now_shown = shown(cell)
  local value = now_shown == nil and 0 or whole(now_shown)
  if value == nil then return nil, not_integer end
  local share = share_of(cell, me)
  local cum = (share and share[4] or 0) + delta
  local sum = value + delta
  if not (exact(value) and exact(delta) and exact(sum) and exact(cum)) then return nil, OVERFLOW end
  return { 'i', kind, key, sub, { share and share[2] or false, cum, delta, share and share[3] or NONE } }, nil, sum
end
`;
