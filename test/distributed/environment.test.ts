import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { localDevice, membershipOf } from "../../src/torch/distributedEnvironment.ts";

const env = { RANK: "1", WORLD_SIZE: "4", LOCAL_RANK: "1", MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" };

describe("membershipOf", () => {
  it("reads what launchers set", () => {
    expect(membershipOf(env)).toEqual({
      ...{ rank: 1, size: 4, localRank: 1, address: "10.0.0.1", port: 29_500 },
      ...{ hostsStore: false, prefix: "riverrun/0", networkInterface: "", sharedMemory: true },
    });
    expect(membershipOf({ ...env, RANK: "0", GLOO_SOCKET_IFNAME: "eth1" })).toMatchObject({
      hostsStore: true,
      networkInterface: "eth1",
    });
  });

  it("leaves the store to torchrun's agent, and the keys of an attempt to that attempt", () => {
    const agent = { TORCHELASTIC_USE_AGENT_STORE: "True", TORCHELASTIC_RESTART_COUNT: "2" };
    expect(membershipOf({ ...env, ...agent, RANK: "0" })).toMatchObject({ hostsStore: false, prefix: "riverrun/2" });
  });

  it("may be told to sum in no shared memory", () => {
    expect(membershipOf({ ...env, RIVERRUN_SHARED_MEMORY: "0" })).toMatchObject({ sharedMemory: false });
    expect(membershipOf({ ...env, RIVERRUN_SHARED_MEMORY: "1" })).toMatchObject({ sharedMemory: true });
  });

  it("finds one process alone", () => {
    expect(membershipOf({})).toBeUndefined();
    expect(membershipOf({ WORLD_SIZE: "" })).toBeUndefined();
    expect(membershipOf({ WORLD_SIZE: "1" })).toBeUndefined();
  });

  it.each([
    ["RANK", undefined, /RANK is not set: expected an integer from 0 to 3/],
    ["RANK", "4", /RANK is "4"/],
    ["RANK", "-1", /RANK is "-1"/],
    ["WORLD_SIZE", "two", /WORLD_SIZE is "two"/],
    ["WORLD_SIZE", "0", /WORLD_SIZE is "0": expected an integer from 1/],
    ["MASTER_ADDR", undefined, /MASTER_ADDR is not set/],
    ["MASTER_PORT", "70000", /MASTER_PORT is "70000"/],
    ["LOCAL_RANK", "1.5", /LOCAL_RANK is "1.5"/],
    ["RIVERRUN_SHARED_MEMORY", "no", /RIVERRUN_SHARED_MEMORY is "no": expected 0 .* or 1/],
  ])("refuses %s = %s", (name, value, message) => {
    const ask = (): unknown => membershipOf({ ...env, [name]: value });
    expect(ask).toThrow(UsageError);
    expect(ask).toThrow(message);
  });
});

describe("localDevice", () => {
  it("gives each process of a machine a CUDA device of its own, where there are some", () => {
    const membership = membershipOf(env);
    expect(localDevice("cuda", membership, () => 2)).toBe("cuda:1");
    expect(localDevice("auto", membership, () => 2)).toBe("cuda:1");
    expect(localDevice("auto", membership, () => 0)).toBe("cpu");
    expect(localDevice("cuda:0", membership, () => 2)).toBe("cuda:0");
    expect(localDevice("auto", undefined, () => 2)).toBe("auto");
  });
});
