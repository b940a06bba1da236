/** Requests to the user and lock tables as DynamoDB bills them, retries included. */
export interface TableRequests {
  readonly read: number;
  readonly write: number;
}

export const NO_TABLE_REQUESTS: TableRequests = { read: 0, write: 0 };

export function tableRequestsSince(earlier: TableRequests, now: TableRequests): TableRequests {
  return { read: now.read - earlier.read, write: now.write - earlier.write };
}

export function addTableRequests(left: TableRequests, right: TableRequests): TableRequests {
  return { read: left.read + right.read, write: left.write + right.write };
}

/** Counts table requests; a deployment's tables share one. */
export class TableRequestCounter {
  #read = 0;
  #write = 0;

  readonly countRead = (): void => {
    this.#read++;
  };

  readonly countWrite = (): void => {
    this.#write++;
  };

  counts(): TableRequests {
    return { read: this.#read, write: this.#write };
  }
}
