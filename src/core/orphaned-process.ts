import { spawn } from 'node:child_process';

// What ends sooner costs nothing more, and the start of commands is what users wait for.
const AFTER_MS = 1_000;

// Long enough for a write that is under way, and for the container to remove its files.
const STOP_MAX_SECONDS = 10;

// Its standard input ends when this process does, however that ends.
const SCRIPT = `
  read -r _
  for second in $(seq ${STOP_MAX_SECONDS}); do
    kill -0 "$1" || exit 0
    sleep 1
  done
  kill -KILL "$1"`;

/**
 * Sees to it that a container does not outlive this process for long. While SQLite works, the container itself cannot
 * learn that nobody calls it any more, and a statement without end would go on for ever. So a shell waits for the end of
 * this process. Returns how to call that off, once the container has ended.
 */
export function endOrphan(pid: number): () => void {
  let callOff = (): void => {};
  const timer = setTimeout(() => {
    const shell = spawn('sh', ['-c', SCRIPT, 'sh', String(pid)], {
      cwd: '/',
      // In a session of its own, which no Ctrl-C reaches.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Without a shell an orphan ends when its statement does.
    shell.on('error', () => {});
    callOff = () => void shell.kill('SIGKILL');
  }, AFTER_MS);
  return () => {
    clearTimeout(timer);
    callOff();
  };
}
