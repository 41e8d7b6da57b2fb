// @ts-check

/** The libtorch that set-up downloads: the one inside PyTorch's wheel of this version on PyPI. */
export const LIBTORCH_VERSION = "2.15.0";
/** The oldest libtorch that the addon compiles against: [major, minor]. */
export const OLDEST_LIBTORCH = [2, 6];

/**
 * @typedef {{ name: string, version: string, sha256: string }} Wheel
 * @typedef {{
 *   tags: string[],
 *   wheels: Wheel[],
 *   megabytes: number,
 *   keep: string[],
 *   required: string[],
 * }} Pin what is downloaded for a platform: wheel platform tags, wheels, their size together, regular expressions of
 *   the members that are kept, and the files without which it is not whole
 */

const TORCH_FOLDERS = ["torch/include/.*", "torch/share/.*"];
const HEADERS = ["torch/include/ATen/core/dispatch/Dispatcher.h", "torch/include/torch/headeronly/version.h"];
const CUDA_STUBS = ["nvidia/cu13/lib/libcudart\\.so\\.13", "nvidia/cu13/lib/libcupti\\.so\\.13"];
// libtorch_cpu.so of Linux names these two, and finds them by its own relative search path.
const CUDA_FILES = ["nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/lib/libcupti.so.13"];

/** @type {Readonly<Record<string, Pin>>} keyed by Node.js platform and architecture */
const PINS = {
  "linux-x64": {
    tags: ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    wheels: [
      {
        name: "torch",
        version: LIBTORCH_VERSION,
        sha256: "48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e",
      },
      {
        name: "nvidia-cuda-runtime",
        version: "13.2.86",
        sha256: "3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0",
      },
      {
        name: "nvidia-cuda-cupti",
        version: "13.2.86",
        sha256: "8fa29f15dd8336181f961764d9d95236fc6b931dd0c8fcf8cd70aab0c310b586",
      },
    ],
    megabytes: 553,
    keep: [
      "torch/lib/lib(torch_cpu|c10)\\.so",
      "torch/lib/lib(gomp|gfortran)\\.so\\..*",
      ...TORCH_FOLDERS,
      ...CUDA_STUBS,
    ],
    required: ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1", ...HEADERS, ...CUDA_FILES],
  },
  "linux-arm64": {
    tags: ["manylinux_2_28_aarch64", "manylinux_2_25_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"],
    wheels: [
      {
        name: "torch",
        version: LIBTORCH_VERSION,
        sha256: "58ce2ebfb3430941353109a85be63ee8e941da22f13daa2c43344eeb51c81e06",
      },
      {
        name: "nvidia-cuda-runtime",
        version: "13.2.86",
        sha256: "37844957894bfdecf90243568d21a2cb251b66106915b71459a23c8e6ef2da69",
      },
      {
        name: "nvidia-cuda-cupti",
        version: "13.2.86",
        sha256: "d9a5c133f73fcb9013f3ada0da6fb54d4117618d81f3f5a0419417ea6ee829d4",
      },
    ],
    megabytes: 498,
    keep: [
      "torch/lib/lib(torch_cpu|c10|arm_compute|arm_compute_graph)\\.so",
      "torch/lib/lib(gomp|gfortran|nvpl_).*\\.so\\..*",
      ...TORCH_FOLDERS,
      ...CUDA_STUBS,
    ],
    required: [
      "torch/lib/libtorch_cpu.so",
      "torch/lib/libc10.so",
      "torch/lib/libarm_compute.so",
      ...HEADERS,
      ...CUDA_FILES,
    ],
  },
  "darwin-arm64": {
    tags: ["macosx_14_0_arm64"],
    wheels: [
      {
        name: "torch",
        version: LIBTORCH_VERSION,
        sha256: "e808b63d616a43b326e1a5677d45a2e5babe7a8ce27edb03ddb48e7dd9b6d663",
      },
    ],
    megabytes: 139,
    keep: ["torch/lib/lib(torch_cpu|c10|omp)\\.dylib", ...TORCH_FOLDERS],
    required: ["torch/lib/libtorch_cpu.dylib", "torch/lib/libc10.dylib", "torch/lib/libomp.dylib", ...HEADERS],
  },
};

/**
 * What is pinned for a platform; undefined where PyPI has no wheel that is known to fit.
 *
 * @param {string} platform as `process.platform`
 * @param {string} architecture as `process.arch`
 * @returns {Pin | undefined}
 */
export function pinFor(platform, architecture) {
  return PINS[`${platform}-${architecture}`];
}

/**
 * The requirements file that makes pip accept these very wheels and no others.
 *
 * @param {readonly Wheel[]} wheels
 * @returns {string}
 */
export function requirementsOf(wheels) {
  return wheels.map(({ name, version, sha256 }) => `${name}==${version} --hash=sha256:${sha256}\n`).join("");
}
