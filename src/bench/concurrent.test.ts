import { expect, test } from 'vitest';
import { concurrentDoubts } from './concurrent.ts';

test.each([
  { name: 'all but one were refused', conflicts: 9, lost: 0, doubts: 0 },
  { name: 'few were refused, and nothing is lost', conflicts: 2, lost: 0, doubts: 1 },
  { name: 'nobody was refused, and most are lost: they met', conflicts: 0, lost: 8, doubts: 0 },
  { name: 'some were refused, and one is lost', conflicts: 4, lost: 1, doubts: 0 },
])('a race in which $name gets $doubts doubts', ({ conflicts, lost, doubts }) => {
  const ids = Array.from({ length: lost }, (_, index) => 1000 + index);
  expect(concurrentDoubts({ conflicts, lost: ids }, 10, 0, 'a longer --rtt')).toHaveLength(doubts);
});
