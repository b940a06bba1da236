/*
 * A card in a filtered deck is on loan: `odid` is its deck and `odue` its due date there. It goes home before it leaves
 * the collection, since the search that borrowed it stays behind.
 */

/** SQL for the deck of a card. */
export const HOME_DECK = 'CASE WHEN odid <> 0 THEN odid ELSE did END';

/** SQL for the due date of a card at home. */
export const HOME_DUE = 'CASE WHEN odid <> 0 AND odue <> 0 THEN odue ELSE due END';

/** SQL for the queue of a card at home. Seconds since 1970 are due today; anything less is a day. */
export const HOME_QUEUE = `CASE WHEN odid = 0 OR queue < 0 THEN queue WHEN type IN (1, 3)
  THEN CASE WHEN ${HOME_DUE} > 1000000000 THEN 1 ELSE 3 END ELSE type END`;
