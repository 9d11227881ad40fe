/** Forgets keys whose time is over; called again and again by the agent. */
export const SWEEP: string = String.raw`
-- How long others leave a key to the cluster that set its expiry, and after which nobody is waited for. Milliseconds.
local OTHERS_MS, FORGET_MS, LOOK_MS = 10000, 3600000, 1000

-- Until when all clusters have said all they had to say (by their own clocks).
local function all_said()
  local least
  local all = meta('HKEYS', 'tw:vec')
  for _, o in ipairs(all) do
    local beat = tonumber(meta('HGET', 'tw:beat', cluster_of(o)) or 0)
    if least == nil or beat < least then least = beat end
  end
  return least or now
end
local function is_ripe(key, ms, said)
  if now > ms + FORGET_MS then return true end
  if said <= ms then return false end
  local dots = read_cell('x', key, '')[1]
  local last = dots[#dots]
  return last == nil or cluster_of(last[1]) == cluster_of(me) or now > ms + OTHERS_MS
end
local function next_look(waiting)
  local first = meta('ZRANGEBYSCORE', 'tw:due', '(' .. text(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local ms = first[2] and math.max(0, tonumber(first[2]) - now) or -1
  if not waiting then return ms end
  return ms < 0 and LOOK_MS or math.min(ms, LOOK_MS)
end

always('tw_sweep', function(_, argv)
  if not start() then return fail(CLOSED) end
  local limit = tonumber(argv[1]) or 100
  local rows = meta('ZRANGEBYSCORE', 'tw:due', '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, limit)
  local beat = tonumber(meta('HGET', 'tw:beat', cluster_of(me)) or NONE)
  -- The first one tells the others that this cluster has something to say.
  if beat == NONE or #rows > 0 and beat <= tonumber(rows[#rows]) and now > beat then commit({ { 'b', now } }) end
  if #rows == 0 then return { 0, next_look(false) } end
  local said, ripe = all_said(), {}
  for i = 1, #rows, 2 do
    if is_ripe(rows[i], tonumber(rows[i + 1]), said) then ripe[#ripe + 1] = rows[i] end
  end
  if #ripe > 0 then commit({ deletion(ripe) }) end
  return { #ripe, next_look(#ripe < #rows / 2 or #rows / 2 == limit) }
end)
`;
