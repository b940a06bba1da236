import type { Subject, SupervisedMessage } from './messages.ts';

/** What work has announced: all that is known of it when it can be asked no more. */
export class Knowledge {
  /** The work has ended, and cleaned up. */
  ended = false;
  /** With which exit code; undefined while not all is printed. */
  code: number | undefined;
  /** What is being written, with an outcome that nobody knows. */
  readonly writing = new Map<string, { readonly subject: Subject; readonly username: string }>();
  /** The last write that was stored. */
  stored: { readonly username: string; readonly version: string } | undefined;
  /** Everybody whose database was written, or may have been, and likewise whose account. */
  readonly usernames: Readonly<Record<Subject, Set<string>>> = {
    database: new Set(),
    account: new Set(),
    function: new Set(),
  };
  /** Leases that are held, or may be. */
  readonly leases = new Map<string, { readonly username: string; readonly owner: string }>();

  add(message: SupervisedMessage): void {
    switch (message.kind) {
      case 'writing':
        this.writing.set(nameOf(message), message);
        this.usernames[message.subject].add(message.username);
        break;
      case 'written': {
        const { username, version } = message;
        this.writing.delete(nameOf(message));
        this.stored = version === undefined ? undefined : { username, version };
        break;
      }
      case 'leasing':
        this.leases.set(message.owner, message);
        break;
      case 'released':
        this.leases.delete(message.owner);
        break;
      case 'busy':
      case 'idle':
        break;
      case 'ended':
        this.ended = true;
        break;
      case 'printed':
        this.code = message.code;
    }
  }
}

/** `account "ann"`. */
export function nameOf({ subject, username }: { readonly subject: Subject; readonly username: string }): string {
  return `${subject} "${username}"`;
}
