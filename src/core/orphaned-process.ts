import { spawn } from 'node:child_process';

// Calls that end sooner pay nothing, and users notice start-up time.
const AFTER_MS = 1_000;

// Long enough to finish a write and for the container to remove its files.
const STOP_MAX_SECONDS = 10;

// Its standard input closes when this process ends, whatever the cause.
const SCRIPT = `
  read -r _
  for second in $(seq ${STOP_MAX_SECONDS}); do
    kill -0 "$1" || exit 0
    sleep 1
  done
  kill -KILL "$1"`;

/**
 * Ensures that a container soon ends with this process. Inside SQLite a container cannot notice that its caller is
 * gone, and an endless statement would run for ever, so a shell waits for the end of this process and kills it. Returns
 * a function that cancels this once the container has ended.
 */
export function endOrphan(pid: number): () => void {
  let callOff = (): void => {};
  const timer = setTimeout(() => {
    const shell = spawn('sh', ['-c', SCRIPT, 'sh', String(pid)], {
      cwd: '/',
      // Its own session, so that Ctrl-C does not reach it.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Without a shell the orphan ends when its statement does.
    shell.on('error', () => {});
    callOff = () => void shell.kill('SIGKILL');
  }, AFTER_MS);
  return () => {
    clearTimeout(timer);
    callOff();
  };
}
