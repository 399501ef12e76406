-- Requests random lines of the file BENCH_TARGETS: "path" or "path<TAB>entity tag". Prints what came of it as JSON.
-- The authorization is BENCH_TOKEN's, without which there is none.
local requests = {}
local threads = 0

function setup(thread)
    thread:set("seed", 20250515 + threads)
    threads = threads + 1
end

function init(args)
    math.randomseed(seed)
    local token = os.getenv("BENCH_TOKEN")
    for line in io.lines(os.getenv("BENCH_TARGETS")) do
        local path, tag = line:match("^([^\t]+)\t?(.*)$")
        local headers = {}
        if token then headers["Authorization"] = "Bearer " .. token end
        if tag ~= "" then headers["If-None-Match"] = tag end
        requests[#requests + 1] = wrk.format("GET", path, headers)
    end
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\nRESULT {"requests":%d,"seconds":%.6f,"bytes":%d,"status_errors":%d,"socket_errors":%d,"p50_us":%d,"p90_us":%d,"p99_us":%d}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
