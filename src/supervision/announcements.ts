import { JavumboError } from '../failure.ts';
import { TEST_USER_PREFIX } from '../test-data.ts';
import type { Subject, SupervisedMessage } from './messages.ts';

/** What work tells whoever would have to answer for it. Each call returns once it cannot be lost any more. */
export interface Announcements {
  writing(subject: Subject, username: string): Promise<void>;
  /** `version`: of a database that was stored. An account has none. */
  written(subject: Subject, username: string, version?: string | undefined): Promise<void>;
  leasing(username: string, owner: string): Promise<void>;
  released(username: string, owner: string): Promise<void>;
  /** Shows what goes on to whoever waits, also while SQLite keeps this process from it. */
  busy(text: string): void;
  /** Takes that away. Returns when the terminal is this process's again. */
  idle(): Promise<void>;
}

/** `cleared` resolves when the message `idle` has been answered; undefined: nobody answers, and nothing is shown. */
export function announcementsTo(
  send: (message: SupervisedMessage) => Promise<void>,
  cleared?: () => Promise<void>,
): Announcements {
  let busy = false;
  const testUsers = new Set<string>();
  return {
    writing: async (subject, username) => {
      // Of test data it is enough to know that there is some, and what is measured should not wait for this again.
      if (testUsers.has(username)) return;
      if (username.startsWith(TEST_USER_PREFIX)) testUsers.add(username);
      await send({ kind: 'writing', subject, username });
    },
    written: async (subject, username, version) => {
      if (!testUsers.has(username)) await send({ kind: 'written', subject, username, version });
    },
    leasing: (username, owner) => send({ kind: 'leasing', username, owner }),
    released: (username, owner) => send({ kind: 'released', username, owner }),
    busy: (text) => {
      if (cleared === undefined) return;
      busy = true;
      void send({ kind: 'busy', text });
    },
    idle: async () => {
      if (!busy) return;
      busy = false;
      await Promise.all([cleared?.(), send({ kind: 'idle' })]);
    },
  };
}

/** Why work that was stopped stopped. */
export function interrupted(): JavumboError {
  return new JavumboError('interrupted', 'interrupted');
}
