-- Replay requests that were signed beforehand, in order and over again; print one line of JSON at the end.
-- The file named by BENCH_REQUESTS holds, per request: its length in bytes as text, a newline, the request itself.
local requests = {}
local position = 0

function init(_)
    local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
    while true do
        local length = file:read("*n")
        if not length then break end
        file:read(1)
        requests[#requests + 1] = file:read(length)
    end
    file:close()
end

function request()
    position = position % #requests + 1
    return requests[position]
end

function done(summary, latency, _)
    local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format(
        '\nRESULT {"requests": %d, "micros": %d, "p50": %.1f, "p99": %.1f, "refused": %d, "failed": %d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status, failed))
end
