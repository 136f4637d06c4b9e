-- What wrk is told beyond its command line: an optional body to POST, and to report as one line of JSON.
local path = os.getenv("BENCH_BODY")
if path then
  wrk.method = "POST"
  wrk.body = assert(io.open(path, "rb")):read("*a")
  wrk.headers["Content-Type"] = "application/json"
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"duration_us":%d,"requests":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.duration, summary.requests, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
