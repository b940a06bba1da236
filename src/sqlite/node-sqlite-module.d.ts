// Node 20's types, which this project must support, lack this module of Node 22.
declare module 'node:sqlite' {
  export class DatabaseSync {
    constructor(path: string, options?: { readonly readOnly?: boolean; readonly timeout?: number });
    readonly isOpen: boolean;
    readonly isTransaction: boolean;
    exec(sql: string): void;
    prepare(sql: string): StatementSync;
    close(): void;
  }

  export class StatementSync {
    readonly sourceSQL: string;
    run(...values: readonly unknown[]): { readonly changes: number | bigint };
    get(...values: readonly unknown[]): unknown;
    all(...values: readonly unknown[]): unknown[];
    iterate(...values: readonly unknown[]): IterableIterator<unknown>;
    columns(): readonly { readonly name: string }[];
    setReadBigInts(enabled: boolean): void;
    setReturnArrays(enabled: boolean): void;
  }

  export function backup(
    source: DatabaseSync,
    path: string,
    options: { readonly rate: number; readonly progress: () => void },
  ): Promise<number>;
}
