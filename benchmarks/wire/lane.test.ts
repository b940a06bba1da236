import { describe, expect, test } from 'vitest';
import { floorMs, Lane } from './lane.ts';

// 20 Mbit/s is 2,500 bytes in a millisecond.
const HOME = { rttMs: 171, megabitsPerSecond: 20 };

describe('a lane', () => {
  test.each([
    { name: 'delivers nothing after half a round trip', bytes: 0, now: 0, arrival: 85.5 },
    { name: 'delivers 2,500 bytes a millisecond later', bytes: 2_500, now: 0, arrival: 86.5 },
    { name: 'counts from the moment of handing over', bytes: 2_500, now: 1_000, arrival: 1_086.5 },
    { name: 'delivers a megabyte in 400 ms and half a round trip', bytes: 1_000_000, now: 10, arrival: 495.5 },
  ])('$name', ({ bytes, now, arrival }) => {
    expect(new Lane(HOME).arrival(bytes, now)).toBeCloseTo(arrival, 9);
  });

  test('serialises what is handed over at once, whoever hands it over', () => {
    const lane = new Lane(HOME);
    const arrivals = [0, 0, 0].map((now) => lane.arrival(2_500, now));
    expect(arrivals).toEqual([86.5, 87.5, 88.5].map((at) => expect.closeTo(at, 9)));
  });

  test('lets later bytes leave at once when the line has become free', () => {
    const lane = new Lane(HOME);
    expect(lane.arrival(2_500, 0)).toBeCloseTo(86.5, 9);
    expect(lane.arrival(2_500, 50)).toBeCloseTo(136.5, 9);
  });

  test('a transfer in pieces ends when the whole would', () => {
    const [whole, pieces] = [new Lane(HOME), new Lane(HOME)];
    let last = 0;
    for (let index = 0; index < 16; index++) last = pieces.arrival(65_536, 0);
    expect(last).toBeCloseTo(whole.arrival(1_048_576, 0), 6);
  });

  test('without a bandwidth only the round trip counts', () => {
    expect(new Lane({ rttMs: 20 }).arrival(200_000_000, 5)).toBe(15);
  });
});

describe('the floor', () => {
  test.each([
    { name: 'of no request is nothing', link: HOME, traffic: { requests: 0, bytes: 0 }, floor: 0 },
    {
      name: 'of one request is a round trip and its bytes',
      link: HOME,
      traffic: { requests: 1, bytes: 24_576 },
      floor: 180.8304,
    },
    { name: 'of four requests is four round trips', link: HOME, traffic: { requests: 4, bytes: 0 }, floor: 684 },
    { name: 'over no link is nothing', link: { rttMs: 0 }, traffic: { requests: 4, bytes: 1_000_000 }, floor: 0 },
    {
      name: 'of 200 MB at 1 Gbit/s is 1.6 s',
      link: { rttMs: 20, megabitsPerSecond: 1_000 },
      traffic: { requests: 1, bytes: 200_000_000 },
      floor: 1_620,
    },
  ])('$name', ({ link, traffic, floor }) => {
    expect(floorMs(link, traffic)).toBeCloseTo(floor, 6);
  });
});
