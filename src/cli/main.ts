#!/usr/bin/env node
/** The command line: one binary, one file a command. Definitions are light; a command loads what it needs when called. */
import { addBench } from "./commands/bench.ts";
import { addData } from "./commands/data.ts";
import { addDecode } from "./commands/decode.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEncode } from "./commands/encode.ts";
import { addEvaluate } from "./commands/evaluate.ts";
import { addExperiment } from "./commands/experiment.ts";
import { addInterpolate } from "./commands/interpolate.ts";
import { addLaunch } from "./commands/launch.ts";
import { addPerturb } from "./commands/perturb.ts";
import { addQuickstart } from "./commands/quickstart.ts";
import { addReconstruct } from "./commands/reconstruct.ts";
import { addSample } from "./commands/sample.ts";
import { addScore } from "./commands/score.ts";
import { addServe } from "./commands/serve.ts";
import { addSetup } from "./commands/setup.ts";
import { addTrain } from "./commands/train.ts";
import { addVectors } from "./commands/vectors.ts";
import { runProgram } from "./program.ts";

// In the order of the help.
await runProgram(
  [
    addTrain,
    addLaunch,
    addScore,
    addEncode,
    addDecode,
    addSample,
    addInterpolate,
    addPerturb,
    addReconstruct,
    addServe,
    addVectors,
    addEvaluate,
    addExperiment,
    addData,
    addBench,
    addDoctor,
    addSetup,
    addQuickstart,
  ],
  process.argv.slice(2),
);
