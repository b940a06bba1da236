/** What every server has for the benchmarks, and the only bucket that they touch. */
export const BUCKET = 'javumbo-benchmarks';
