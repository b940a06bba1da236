import type { MessageShape } from './protobuf.ts';

/*
 * The messages in a collection of schema 15 to 18, with the names that their fields have in the JSON of schema 11. Facts
 * of the format: proto/anki/{notetypes,decks,deck_config}.proto and rslib/src/{notetype,decks,deckconfig}/schema11.rs.
 * A dot leads into an object. `other` is JSON of what add-ons keep.
 */

export const NOTE_TYPE: MessageShape = {
  1: ['type', 'int'],
  2: ['sortf', 'int'],
  3: ['css', 'text'],
  4: ['did', 'int?'],
  5: ['latexPre', 'text'],
  6: ['latexPost', 'text'],
  7: ['latexsvg', 'bool'],
  8: ['req', 'messages'],
  9: ['originalStockKind', 'int'],
  10: ['originalId', 'int?'],
  255: ['other', 'text'],
};

export const REQUIREMENT: MessageShape = { 1: ['ord', 'int'], 2: ['kind', 'int'], 3: ['fields', 'ints'] };

export const FIELD: MessageShape = {
  1: ['sticky', 'bool'],
  2: ['rtl', 'bool'],
  3: ['font', 'text'],
  4: ['size', 'int'],
  5: ['description', 'text'],
  6: ['plainText', 'bool'],
  7: ['collapsed', 'bool'],
  8: ['excludeFromSearch', 'bool'],
  9: ['id', 'int?'],
  10: ['tag', 'int?'],
  11: ['preventDeletion', 'bool'],
  255: ['other', 'text'],
};

export const TEMPLATE: MessageShape = {
  1: ['qfmt', 'text'],
  2: ['afmt', 'text'],
  3: ['bqfmt', 'text'],
  4: ['bafmt', 'text'],
  5: ['did', 'int?'],
  6: ['bfont', 'text'],
  7: ['bsize', 'int'],
  8: ['id', 'int?'],
  255: ['other', 'text'],
};

export const DECK: MessageShape = {
  1: ['collapsed', 'bool'],
  2: ['browserCollapsed', 'bool'],
  3: ['day', 'int'],
  4: ['newToday', 'int'],
  5: ['revToday', 'int'],
  6: ['lrnToday', 'int'],
  7: ['timeToday', 'int'],
  255: ['other', 'text'],
};

export const DECK_KIND: MessageShape = { 1: ['normal', 'messages'], 2: ['filtered', 'messages'] };

export const NORMAL_DECK: MessageShape = {
  1: ['conf', 'int'],
  2: ['extendNew', 'int'],
  3: ['extendRev', 'int'],
  4: ['desc', 'text'],
  5: ['md', 'bool'],
  6: ['reviewLimit', 'int?'],
  7: ['newLimit', 'int?'],
  8: ['reviewLimitToday', 'messages'],
  9: ['newLimitToday', 'messages'],
  10: ['desiredRetention', 'float?'],
};

export const DAY_LIMIT: MessageShape = { 1: ['limit', 'int'], 2: ['today', 'int'] };

export const FILTERED_DECK: MessageShape = {
  1: ['resched', 'bool'],
  2: ['terms', 'messages'],
  3: ['delays', 'floats'],
  4: ['previewDelay', 'int'],
  5: ['previewHardSecs', 'int'],
  6: ['previewGoodSecs', 'int'],
  7: ['previewAgainSecs', 'int'],
};

export const SEARCH_TERM: MessageShape = { 1: ['search', 'text'], 2: ['limit', 'int'], 3: ['order', 'int'] };

export const DECK_OPTIONS: MessageShape = {
  1: ['new.delays', 'floats'],
  2: ['lapse.delays', 'floats'],
  3: ['fsrsWeights', 'floats'],
  4: ['easyDaysPercentages', 'floats'],
  5: ['fsrsParams5', 'floats'],
  6: ['fsrsParams6', 'floats'],
  9: ['new.perDay', 'int'],
  10: ['rev.perDay', 'int'],
  11: ['initialEase', 'float'],
  12: ['rev.ease4', 'float'],
  13: ['rev.hardFactor', 'float'],
  14: ['lapse.mult', 'float'],
  15: ['rev.ivlFct', 'float'],
  16: ['rev.maxIvl', 'int'],
  17: ['lapse.minInt', 'int'],
  18: ['good', 'int'],
  19: ['easy', 'int'],
  20: ['isRandom', 'int'],
  21: ['lapse.leechAction', 'int'],
  22: ['lapse.leechFails', 'int'],
  23: ['isSilent', 'bool'],
  24: ['maxTaken', 'int'],
  25: ['timer', 'int'],
  26: ['isAnswerOnly', 'bool'],
  27: ['new.bury', 'bool'],
  28: ['rev.bury', 'bool'],
  29: ['buryInterdayLearning', 'bool'],
  30: ['newMix', 'int'],
  31: ['interdayLearningMix', 'int'],
  32: ['newSortOrder', 'int'],
  33: ['reviewOrder', 'int'],
  34: ['newGatherPriority', 'int'],
  35: ['newPerDayMinimum', 'int'],
  36: ['questionAction', 'int'],
  37: ['desiredRetention', 'float'],
  38: ['stopTimerOnAnswer', 'bool'],
  40: ['sm2Retention', 'float'],
  41: ['secondsToShowQuestion', 'float'],
  42: ['secondsToShowAnswer', 'float'],
  43: ['answerAction', 'int'],
  44: ['waitForAudio', 'bool'],
  45: ['weightSearch', 'text'],
  46: ['ignoreRevlogsBeforeDate', 'text'],
  255: ['other', 'text'],
};
