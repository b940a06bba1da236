import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { metricOf } from '../../src/bench/stats.ts';
import { atMost, ratioOf, type Scenario, type Start } from './scenario.ts';

const JAVUMBO = fileURLToPath(new URL('../../../bin/javumbo.js', import.meta.url));

const COMMANDS = [
  { argv: ['--version'], limit: 1.5 },
  { argv: ['--help'], limit: undefined },
  { argv: ['user', 'get', 'alice'], limit: 3 },
  { argv: ['db', 'info', 'alice'], limit: undefined },
  { argv: ['db', 'query', 'alice', 'SELECT 1'], limit: 4.5 },
] as const;

/** Measures whole processes. */
export const startUp: Scenario = {
  name: 'start-up',
  question: 'What does starting `javumbo` cost beside starting Node at all?',
  method:
    'Whole processes on the local deployment, the command and `node -e 0` in turn, after one of each that is not counted. ' +
    'The ratio is that of the medians, with its bootstrap interval.',
  run: async (bench) => {
    const env = {
      PATH: process.env.PATH,
      HOME: bench.directory,
      JAVUMBO_HOME: join(bench.directory, 'home'),
      JAVUMBO_CACHE_DIR: join(bench.directory, 'cache'),
    };
    const create = ['user', 'create', 'alice', '--name', 'Alice', '--password-stdin', '--with-database'];
    elapsedMs([JAVUMBO, ...create], env, 'correct horse');
    const starts = COMMANDS.map(({ argv }): Start => {
      bench.progress(argv.join(' '));
      const [command, node] = [
        [JAVUMBO, ...argv],
        ['-e', '0'],
      ];
      elapsedMs(command, env);
      elapsedMs(node, env);
      const pairs = Array.from({ length: bench.quick ? 2 : 25 }, () => ({
        ms: elapsedMs(command, env),
        nodeMs: elapsedMs(node, env),
      }));
      const samplesMs = pairs.map(({ ms }) => ms);
      const nodeSamplesMs = pairs.map(({ nodeMs }) => nodeMs);
      const { ratio, low, high } = ratioOf(nodeSamplesMs, samplesMs);
      return {
        command: `javumbo ${argv.join(' ')}`,
        samplesMs,
        nodeSamplesMs,
        p50Ms: metricOf(samplesMs).p50,
        nodeP50Ms: metricOf(nodeSamplesMs).p50,
        ratio,
        ratioLow: low,
        ratioHigh: high,
      };
    });
    return {
      starts,
      mustHolds: COMMANDS.flatMap(({ argv, limit }, index) =>
        limit === undefined
          ? []
          : [atMost(`javumbo ${argv.join(' ')}, times node -e 0`, limit, starts[index]?.ratio ?? Number.NaN)],
      ),
    };
  },
};

function elapsedMs(argv: readonly string[], env: NodeJS.ProcessEnv, input = ''): number {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(process.execPath, argv, { env, input, stdio: ['pipe', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`node ${argv.join(' ')} ended with ${status}: ${stderr}`);
  return performance.now() - startedAt;
}
