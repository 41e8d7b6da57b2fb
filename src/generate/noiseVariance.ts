/** Which variances the noise of rewrites may have. It loads nothing, so that options and requests are checked by it. */

/** Beside noise of a hundred standard deviations of the latents nothing of a text is left in its own. */
const most = 1e4;

/** The variances that are taken, and how an error says so. */
export const noiseVariances = {
  takes: (variance: number): boolean => variance >= 0 && variance <= most,
  expected: `a number from 0 to ${most} (latents themselves have a variance of about 1; usual noise has 0.1 to 1)`,
} as const;
