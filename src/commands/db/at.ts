import { JavumboError } from '../../core/failure.ts';
import { isoTime } from '../../core/format.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { findPoint, type PointInTime, parseAt, pointsOf, UNVERSIONED_ID } from '../../history/points.ts';

/** Returns all points in time of a user's database, newest first. Throws `not-found` where there never was one. */
export async function allPoints(deployment: Deployment, username: string): Promise<PointInTime[]> {
  const points: PointInTime[] = [];
  for await (const point of pointsOf(await deployment.objects(), username)) points.push(point);
  if (points.length > 0) return points;
  throw new JavumboError('not-found', `user "${username}" has no database, and no history of one`, {
    try: 'javumbo db list',
    username,
  });
}

/** Finds what `--at` names among a user's points. Throws `not-found` where the database was deleted then. */
export function pastContent(points: readonly PointInTime[], text: string, username: string, now: number): PointInTime {
  const point = findPoint(points, parseAt(text, now), username);
  if (!point.deleted) return point;
  const before = points[points.indexOf(point) + 1];
  throw new JavumboError('not-found', `database "${username}" was deleted at ${isoTime(point.at)}`, {
    try: before === undefined ? `javumbo db history ${username}` : `--at ${before.id}, what it was before`,
    username,
  });
}

/** Returns the id of the point that `--at` names; undefined without it. */
export async function pointId(
  deployment: Deployment,
  username: string,
  at: string | undefined,
): Promise<string | undefined> {
  if (at === undefined) return undefined;
  const point = pastContent(await allPoints(deployment, username), at, username, deployment.clock.now());
  // What is current on a bucket without versions has no id of its own there.
  return point.id === UNVERSIONED_ID && point.current ? undefined : point.id;
}
