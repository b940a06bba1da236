/** What `--at` takes, for help. */
export const AT = 'as it was then: 2026-11-26T10:00, an age such as 2h, or an id of db history';

export interface AtFlag {
  readonly at?: string;
}
