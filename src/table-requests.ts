/** Requests to the user and lock tables, retries included, as DynamoDB bills them. */
export interface TableRequests {
  readonly read: number;
  readonly write: number;
}

/** Counts them; one for all the tables of a deployment. */
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
