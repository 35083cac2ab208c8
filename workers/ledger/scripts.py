"""The Lua scripts of the ledger: each is one atomic step in Redis.

https://valkey.io/topics/eval-intro/
"""

# Writes a request down, unless one for the same change is still open.
# KEYS[1] = request hash, KEYS[2] = fingerprint key, KEYS[3] = all, KEYS[4] = open,
# KEYS[5] = unannounced, KEYS[6] = audit stream, KEYS[7] = audit head
# ARGV[1] = id, ARGV[2] = request, ARGV[3] = requested at, ARGV[4] = expires at,
# ARGV[5] = expected head, ARGV[6] = entry, ARGV[7] = its hash, ARGV[8] = prefix of request hashes,
# ARGV[9..] = the open states
CREATE = """
local holder = redis.call("GET", KEYS[2])
if holder then
  local state = redis.call("HGET", ARGV[8] .. holder, "state")
  for index = 9, #ARGV do
    if state == ARGV[index] then return {"held", holder} end
  end
end
local head = redis.call("GET", KEYS[7]) or ""
if head ~= ARGV[5] then return {"moved", head} end
redis.call("HSET", KEYS[1], "request", ARGV[2], "state", "requested", "revision", 0)
redis.call("SET", KEYS[2], ARGV[1])
redis.call("ZADD", KEYS[3], ARGV[3], ARGV[1])
redis.call("ZADD", KEYS[4], ARGV[4], ARGV[1])
redis.call("ZADD", KEYS[5], ARGV[3], ARGV[1])
redis.call("XADD", KEYS[6], "*", "entry", ARGV[6])
redis.call("SET", KEYS[7], ARGV[7])
return {"done", ARGV[1]}
"""

# Makes one step.
# KEYS[1] = request hash, KEYS[2] = clicks, KEYS[3] = open, KEYS[4] = unannounced,
# KEYS[5] = audit stream, KEYS[6] = audit head
# ARGV[1] = id, ARGV[2] = expected state, ARGV[3] = expected revision, ARGV[4] = click,
# ARGV[5] = new state, ARGV[6] = approvals, ARGV[7] = reason, ARGV[8] = "1" when no longer open,
# ARGV[9] = now, ARGV[10] = expected head, ARGV[11] = entry, ARGV[12] = its hash
STEP = """
local seen = redis.call("HGET", KEYS[2], ARGV[4])
if seen then return {"seen", seen} end
local state = redis.call("HGET", KEYS[1], "state")
local revision = redis.call("HGET", KEYS[1], "revision")
if state ~= ARGV[2] or revision ~= ARGV[3] then return {"moved", state or ""} end
if (redis.call("GET", KEYS[6]) or "") ~= ARGV[10] then return {"moved", state} end
redis.call("HSET", KEYS[1], "state", ARGV[5], "approvals", ARGV[6], "reason", ARGV[7])
redis.call("HINCRBY", KEYS[1], "revision", 1)
redis.call("HSET", KEYS[2], ARGV[4], ARGV[5])
if ARGV[8] == "1" then redis.call("ZREM", KEYS[3], ARGV[1]) end
redis.call("ZADD", KEYS[4], ARGV[9], ARGV[1])
redis.call("XADD", KEYS[5], "*", "entry", ARGV[11])
redis.call("SET", KEYS[6], ARGV[12])
return {"done", ARGV[5]}
"""

# Appends to the audit trail. KEYS[1] = audit stream, KEYS[2] = audit head
# ARGV[1] = expected head, ARGV[2] = entry, ARGV[3] = its hash
NOTE = """
if (redis.call("GET", KEYS[2]) or "") ~= ARGV[1] then return 0 end
redis.call("XADD", KEYS[1], "*", "entry", ARGV[2])
redis.call("SET", KEYS[2], ARGV[3])
return 1
"""

# Takes all documents of a request for changing, or none of them. KEYS = document keys
# ARGV[1] = id, ARGV[2] = seconds; returns the request that has one of them, or ""
TAKE = """
for _, key in ipairs(KEYS) do
  local holder = redis.call("GET", key)
  if holder and holder ~= ARGV[1] then return holder end
end
for _, key in ipairs(KEYS) do redis.call("SET", key, ARGV[1], "EX", ARGV[2]) end
return ""
"""

# Gives documents back. KEYS = document keys, ARGV[1] = id
RELEASE = """
for _, key in ipairs(KEYS) do
  if redis.call("GET", key) == ARGV[1] then redis.call("DEL", key) end
end
return 0
"""
