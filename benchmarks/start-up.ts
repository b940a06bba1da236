/**
 * Question: what does starting `javumbo` cost beside starting Node at all?
 *
 * Method: whole processes, the two commands in turn (A B A B …) so that a machine that slows down slows both, a warm-up
 * of each that is not counted, and the ratio pair by pair. The median ratio is the answer; the mark is 2.5.
 *
 *   npm run benchmark [-- pairs]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { percentile } from '../src/bench/stats.ts';

const MARK = 2.5;
const JAVUMBO = fileURLToPath(new URL('../../bin/javumbo.js', import.meta.url));
const pairs = Number(process.argv[2] ?? 25);

function elapsedMs(argv: readonly string[]): number {
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, argv, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${argv.join(' ')} ended with ${status}`);
  return performance.now() - startedAt;
}

let missed = false;
process.stdout.write(`node ${process.version}, ${pairs} pairs, medians\n`);
for (const argv of [['--version'], ['--help'], ['db', 'query', '--help']]) {
  const ours = [JAVUMBO, ...argv];
  const floor = ['-e', '0'];
  elapsedMs(ours);
  elapsedMs(floor);
  const samples = Array.from({ length: pairs }, () => ({ ours: elapsedMs(ours), floor: elapsedMs(floor) }));
  const median = (values: readonly number[]): number =>
    percentile(
      [...values].sort((a, b) => a - b),
      50,
    );
  const ratio = median(samples.map((sample) => sample.ours / sample.floor));
  if (ratio > MARK) missed = true;
  process.stdout.write(
    `javumbo ${argv.join(' ').padEnd(16)} ${median(samples.map((s) => s.ours))
      .toFixed(1)
      .padStart(6)} ms   ` +
      `node -e 0 ${median(samples.map((s) => s.floor))
        .toFixed(1)
        .padStart(6)} ms   ratio ${ratio.toFixed(2)} ` +
      `(mark ${MARK}: ${ratio > MARK ? 'missed' : 'met'})\n`,
  );
}
process.exitCode = missed ? 1 : 0;
