/** The only bucket that the benchmarks use, on every server. */
export const BUCKET = 'javumbo-benchmarks';
