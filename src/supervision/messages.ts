/** What a supervised process tells its supervisor, so that the truth is known should it be killed. */
export type SupervisedMessage =
  /** A write is about to be sent: from now on nobody can tell what becomes of it. */
  | { readonly kind: 'writing'; readonly subject: Subject; readonly username: string }
  /** Its outcome is known; `version` where it was stored. */
  | {
      readonly kind: 'written';
      readonly subject: Subject;
      readonly username: string;
      readonly version?: string | undefined;
    }
  /** A lease is about to be asked for. */
  | { readonly kind: 'leasing'; readonly username: string; readonly owner: string }
  | { readonly kind: 'released'; readonly username: string; readonly owner: string }
  /** What goes on from now on, perhaps in SQLite, where the work itself could show nothing. */
  | { readonly kind: 'busy'; readonly text: string }
  /** Nothing any more; answered by `cleared` when nothing of it is on the terminal. */
  | { readonly kind: 'idle' }
  /** The work has ended, and cleaned up; its result may still be on its way to whoever reads it. */
  | { readonly kind: 'ended' }
  /** All of that is with the system, so that nothing of it is lost with the process. */
  | { readonly kind: 'printed'; readonly code: number };

/** What is written: of a user, or the code of a function, whose name then stands for the user's. */
export type Subject = 'database' | 'account' | 'function';

/** What a supervisor tells the process that it has started. `interrupt`: stop in order. */
export interface SupervisorMessage {
  readonly kind: 'interrupt' | 'cleared';
}

/** The environment variable with the run's id, which tells a process that it is supervised. */
export const SUPERVISED = 'JAVUMBO_SUPERVISED';
