/** A process that trains pieces for `rowProcesses.ts`: reads the data once, then does one piece after the other. */
import { messageOf, RiverrunError } from "../base/errors.ts";
import { setThreads } from "../torch/index.ts";
import { SignalWatch } from "../train/signals.ts";
import { readExperimentData } from "./data.ts";
import { doPiece, type Piece, type Workshop } from "./pieces.ts";
import type { ChildMessage, ParentMessage, Setting } from "./rowProcesses.ts";
import { sharedFolder } from "./runs.ts";
import { prepareShared } from "./shared.ts";
import { StoppedError } from "./stopped.ts";

/** Between two reports of a training's step. */
const reportEveryMs = 300;

const watch = new SignalWatch();
let asked: string | undefined;
let busy = false;

function say(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}

async function workshopOf({ files, scale, out, device, threads }: Setting): Promise<Workshop> {
  setThreads(threads);
  let reportedAt = 0;
  const environment = {
    scale,
    device,
    log: (message: string) => say({ kind: "log", message }),
    onStep: (name: string, step: number, maxSteps: number) => {
      const now = performance.now();
      if (now - reportedAt < reportEveryMs && step < maxSteps) return;
      reportedAt = now;
      say({ kind: "step", name, step, maxSteps });
    },
    stopRequested: () => asked ?? watch.stop,
  };
  const sets = [];
  for (const data of await readExperimentData(files, scale)) {
    sets.push({ data, shared: await prepareShared(data, scale, sharedFolder(data, out), environment) });
  }
  return { ...environment, sets, out };
}

let workshop: Promise<Workshop> | undefined;

async function work(piece: Piece): Promise<void> {
  if (!workshop) throw new RiverrunError("internal: a piece came before its setting");
  const outcome = await doPiece(piece, await workshop);
  say({ kind: "done", failure: outcome.kind === "failed" ? outcome.failure : null });
}

function refuse(error: unknown): void {
  if (error instanceof StoppedError) say({ kind: "stopped", signal: asked ?? watch.stop ?? "SIGTERM" });
  else
    say({ kind: "refused", message: messageOf(error), exitCode: error instanceof RiverrunError ? error.exitCode : 1 });
}

process.on("message", (message: ParentMessage) => {
  switch (message.kind) {
    case "setting":
      workshop = workshopOf(message.setting);
      // Whoever awaits it gets the error; until then nobody may.
      workshop.catch(() => undefined);
      return;
    case "piece":
      busy = true;
      work(message.piece)
        .catch(refuse)
        .finally(() => {
          busy = false;
          if (!process.connected) process.exit(0);
        });
      return;
    case "stop":
      asked = message.signal;
  }
});

// Whoever asked for the work is gone, or needs no more of it: a training is left at a checkpoint.
process.on("disconnect", () => {
  asked ??= "SIGTERM";
  if (!busy) process.exit(0);
});
