/** What stops a command. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// What stops in order does so in well under a second; whoever pressed Ctrl-C waits for it.
const GRACE_MS = 2_000;

// npm and npx pass on what the terminal has sent to everybody already: that is no second Ctrl-C.
const ECHO_MS = 250;

/** Stops work at a signal: in order first, and by force after a while or at a second one. */
export class Interruption {
  requested = false;
  readonly #stop: () => void;
  readonly #force: () => void;
  readonly #handler = (): void => this.#interrupt();
  #grace: NodeJS.Timeout | undefined;
  #echo: NodeJS.Timeout | undefined;

  constructor(stop: () => void, force: () => void) {
    this.#stop = stop;
    this.#force = force;
    for (const signal of SIGNALS) process.on(signal, this.#handler);
  }

  /** From here on a signal does what it does by default, and ends this process at once. */
  over(): void {
    clearTimeout(this.#grace);
    clearTimeout(this.#echo);
    for (const signal of SIGNALS) process.off(signal, this.#handler);
  }

  #interrupt(): void {
    if (this.#echo !== undefined) return;
    if (this.requested) {
      this.#force();
      return;
    }
    this.requested = true;
    this.#stop();
    this.#grace = setTimeout(this.#force, GRACE_MS);
    this.#echo = setTimeout(() => {
      this.#echo = undefined;
    }, ECHO_MS);
  }
}
