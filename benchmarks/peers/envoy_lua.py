"""Envoy with a Lua filter that buffers bodies and scans them for one card pattern: DLP as one would script it there."""

from typing import Final

from benchmarks.peers import envoy
from benchmarks.peers.model import Launch, Peer
from benchmarks.topology import Pod

# Frontiers (%f) keep out of longer numbers; Lua has no repetition of groups, so the four groups are written out.
SCRIPT: Final = """\
local CARD = "%f[%d]%d%d%d%d[ -]?%d%d%d%d[ -]?%d%d%d%d[ -]?%d%d%d%d%f[%D]"

local function luhn(text)
  local sum, double = 0, false
  for i = #text, 1, -1 do
    local digit = text:byte(i) - 48
    if digit >= 0 and digit <= 9 then
      if double then
        digit = digit * 2
        if digit > 9 then digit = digit - 9 end
      end
      sum = sum + digit
      double = not double
    end
  end
  return sum % 10 == 0
end

local function has_card(handle)
  local body = handle:body()
  if body == nil then return false end
  local size = body:length()
  if size == 0 then return false end
  for found in string.gmatch(body:getBytes(0, size), CARD) do
    if luhn(found) then return true end
  end
  return false
end

function envoy_on_request(handle)
  if has_card(handle) then handle:respond({[":status"] = "403"}, "card") end
end

function envoy_on_response(handle)
  if has_card(handle) then
    handle:headers():replace(":status", "502")
    handle:body():setBytes("card")
  end
end
"""


def prepare(pod: Pod) -> Launch:
    """The Lua filter before the router, and room for whole bodies."""
    lua = envoy.typed("http.lua", "http.lua.v3.Lua", default_source_code={"inline_string": SCRIPT})
    return envoy.launch(pod, [envoy.http(lua)], envoy.BUFFER_LIMIT)


PEER: Final = Peer("envoy-lua", "Envoy HTTP + Lua", "whole bodies, one card pattern", prepare, envoy.version)
