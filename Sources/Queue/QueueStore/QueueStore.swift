// The spool: segments of records, one writer each, and beside each segment the journal in which
// the queue manager alone writes what became of its messages.
//
// The synchronous core (`SegmentWriter`, `LargeRecordWriter`, `SegmentWalk`, `SegmentReader`,
// `JournalWriter`, `SegmentJournal`, `SegmentRecovery`, `SpoolScan`, `SpoolInspection`) takes its
// disk as a parameter, so the code that runs on `LinuxDisk` is the code that the simulation runs
// on a disk that loses power, fails flushes, tears blocks and fills up. `SpoolWriter` drives the
// core for processes that take mail in, from the reactor, over a helper thread.
//
// Each rule of the spool and the tests that hold it. `simulation` stands for
// `noSeedLosesAcceptedMailOrDeliversRefusedMail`, which must pass for every seed;
// `broken: x` for `theSimulationNoticesABrokenRule` with that rule broken on purpose.
//
// | rule | what it asks | held by |
// |---|---|---|
// | R1 | a segment is never reused, overwritten or cut | simulation |
// |  |  | `aWriteNeverTouchesAFlushedBlock` |
// |  |  | `segmentsAreSmallWhereTheDiskIs` |
// | R2 | an entry counts only for its own record | `anEntryThatNamesAnotherMessageDoesNotCount` |
// |  |  | `entriesWithoutTheirRecordAreReported` |
// |  |  | `aForeignJournalDoesNotCountAndIsReported` |
// |  |  | `journalsAndMarksWithoutASegmentAreRemoved` |
// | R3 | an error ends a segment for good | simulation |
// |  |  | broken: trustsReopenedFile |
// |  |  | broken: forgetsToMarkTheEnd |
// |  |  | `nothingBehindTheMarkedEndOfAFailedSegmentIsMail` |
// |  |  | `twoFailuresInARowRefuseNewMail` |
// |  |  | `aFailureToWriteForWantOfRoomEndsTheSegment` |
// |  |  | `anEndThatIsNotDurableIsMadeSoWithoutAFurtherFailure` |
// | R4 | what replaces a recipient is flushed before its end | simulation |
// |  |  | `aRefusalIsConfirmedOnlyWhenTheReportIsOnTheDisk` |
// | R5 | flushes start on blocks, flushed blocks rest | simulation |
// |  |  | broken: doesNotPadFlushes |
// |  |  | `batchesStartOnBlocksAndRecordsOnBorders` |
// |  |  | `aWriteNeverTouchesAFlushedBlock` |
// | R6 | what is in a batch is delivered | `aCancelledSessionStillHasItsMessageFlushed` |
// | R7 | no content can forge a record | `aRecordOfAnotherSegmentInABodyIsNoRecord` |
// |  |  | `aCopyOfARecordInTheSameSegmentIsNoRecordElsewhere` |
// |  |  | `leadsAreReadBackOnlyAtTheirPlaceAndUntouched` |
// | R8 | an unfinished tail is no damage | `damageInTheLastBatchIsAnUnfinishedFlush` |
// |  |  | `damageInsideAFlushedBatchCostsOnlyTheDamagedRecord` |
// |  |  | `damageIsCopiedAsideReportedOnceAndCostsNoNeighbour` |
// |  |  | `aFlushedBatchThatCameBackEmptyIsReported` |
// | R9 | what is flushed when | simulation |
// |  |  | `anUnconfirmedResultIsRecordedByTheSuccessor` |
// |  |  | `anOrderHoldsThoughTheQueueManagerIsKilledRightAfterTheAnswer` |
// | R10 | replay ends at the first bad entry | `replayStopsAtTheFirstBadEntry` |
// |  |  | `aGapInTheNumbersEndsTheJournal` |
// |  |  | `aNewLifeBeginsANewFileWithWhatCounts` |
// | R11 | the hand-over is a mark; a place is taken once | simulation |
// |  |  | `intakeReadsFromMarkToMark` |
// |  |  | `mailOfALivingWriterIsTakenInOnce` |
// | R12 | made nameless, locked, linked; walked when the lock is free | simulation |
// |  |  | broken: believesTheCache |
// |  |  | `aDeadWritersSegmentIsSealedWithItsTable` |
// |  |  | `aLivingWritersSegmentIsLeftToItsMarks` |
// |  |  | `theMailOfAWriterThatDiedUnheardIsFound` |
// |  |  | `aLargeMessageOfUncertainFateKeepsItsLockUntilItIsCertain` |
// |  |  | `theEndOfAnUncertainLargeMessageIsMadeDurableLater` |
// | R13 | results are kept until they are written | simulation |
// |  |  | `anUnconfirmedResultIsRecordedByTheSuccessor` |
// |  |  | `nothingGoesOutBeforeAllHaveIntroducedThemselves` |
// |  |  | `resultsThatNobodyHasConfirmedOutliveTheProcess` |
// |  |  | `aMessageThatWasSentIsNotSentAgain` |
// |  |  | `noDeliveryWithAFinalReplyIsMadeAgain` |
// | R14 | the lead is compared before it is acted on | `aRecordIsReadByPlaceOnlyUnderItsOwnName` |
// | R15 | no user's process has a descriptor of the spool |
// |  |  | `aChildGetsItsWordsAndOnlyItsDescriptors` |
// | R16 | orders while no queue manager runs are entries | `ordersAreWrittenToASpoolAtRest` |
// |  |  | `aSecondQueueManagerWaitsForTheFirstToLeave` |
// | R17 | a copy lives once its origin says so or is gone | simulation |
// |  |  | `aCopyIsMailOnlyOnceItsOriginSaysSoOrIsGone` |
// |  |  | `aCopyThatWasNotFinishedIsNeverMailThoughItsSegmentHasATable` |
// |  |  | `aMoveThatIsCutShortLeavesOneMessage` |
// |  |  | `movedMailIsFoundByTheNextQueueManagerWithItsHistory` |
// |  |  | `mailInFlightStaysWhereItIs` |
// |  |  | `movedMailSurvivesKillsOfTheQueueManager` |
// |  |  | `aSpoolAtRestShowsAMessageOnceWhereverItsMoveWasCutShort` |
// |  |  | `aResultThatWasLeftForMailOnTheMoveCountsAtItsNewPlace` |
// | R18 | ids never repeat | `queueIDsNeverRepeat` |
// |  |  | simulation |
// | R19 | mail that ends processes is held | `whatADeadAgentHadWaitsAndIsHeldAfterThreeDeaths` |
// |  |  | `deathsOfAgentsAreCountedAcrossARestart` |
// |  |  | `aCondemnedRecordIsSetAsideAndMailFlowsOn` |
// |  |  | `whatWasSetAsideStaysSo` |
// |  |  | `theMarksOfWhatIsInHandOutliveTheQueueManager` |
// | R20 | a stop waits for replies, and breaks off what has no final dot |
// |  |  | `aDeliveryAfterTheDotIsWaitedForAndOneBeforeItIsBrokenOff` |
// | R21 | stored times are clamped | `storedTimesAreBroughtIntoTheRangeOfThisRun` |
// |  |  | `aMessageExpiresOnlyAfterAFailedAttempt` |
// |  |  | `noMailExpiresWhileExpiryIsSuspended` |
// | R22 | orders on mail in flight come true with its results |
// |  |  | `anOrderOnMailInFlightComesTrueWithItsResult` |
// |  |  | `anOrderOnMailInFlightOutlivesTheQueueManager` |
// | R23 | large mail has its own segment | `aLargeMessageIsStreamedIntoASegmentOfItsOwn` |
// |  |  | `anAbortedLargeMessageLeavesNothing` |
// |  |  | `aLargeMessageThatCertainlyFailedIsRemoved` |
// |  |  | simulation |
// | R24 | room for results comes before deliveries | `aDiskWithoutRoomIsToldToTheWriters` |
// |  |  | `aWriterLeavesTheReserveFree` |
// |  |  | `aFullDiskIsRefusedForNowAndLosesNothing` |
// |  |  | `onANearlyFullDiskSizeDoesNotMatter` |
// |  |  | `aFullDiskIsFreedByMovingTheMailThatStays` |
// |  |  | simulation |
// | R25 | who has begun waits for no memory | `theLargestBodyLeavesWhenMemoryIsShort` |
// |  |  | `noMessageBeginsWithoutMemoryAndSpill` |
// | R26 | reactors never wait for the disk | `aColdRecordIsNotReadByTheReactor` |
// | R27 | packets are bounded | `thousandsOfLongRecipientsAndRepliesFitIntoPackets` |
// |  |  | `recipientsOfADeliveryFitARequest` |
// | R28 | what waits is small, and nobody fills the window | `anEntryTakesSixtyFourBytes` |
// |  |  | `newMailForADeadDestinationNeverEntersTheWindow` |
// |  |  | `oneDestinationHoldsAtMostAQuarterOfTheWindow` |
// | R29 | a sealed segment is not walked | `aSealedSegmentIsNotWalked` |
// |  |  | `anIncompleteTableIsNone` |
// | R30 | first and last attempts are kept | `compactionKeepsTheFirstAndTheLastTenAttempts` |
// |  |  | `aJournalThatHasGrownIsRewritten` |
// | R31 | mail is moved for space only | `theLastMailOfALargeSegmentIsMovedAndTheSegmentGoes` |
// |  |  | `segmentsAreLeftAloneWhileThereIsRoom` |
// |  |  | `movingPaysOnlyWhenLargeSegmentsHoldLittleMail` |
// |  |  | `aJournalThatCannotBeReadBackIsNotReplacedByLess` |
// |  |  | `theQueueManagerRewritesAJournalThatHasGrown` |
// | R32 | group commit waits for sessions inside DATA | `sessionsShareFlushes` |
// |  |  | `aCommitWaitsForSessionsInsideData` |
// |  |  | `aCommitWaitsNoLongerThanTheDelay` |
// | R33 | a commit that takes long stops new mail | `newMailIsRefusedWhileTheSpoolDoesNotAnswer` |
// |  |  | `aDiskThatDoesNotAnswerIsNoticedAndForgiven` |
// |  |  | `aLargeMessageThatStallsIsNoticedToo` |
// |  |  | `aDiskThatDoesNotTakeALargeBodyInTimeCostsTheMessage` |
// | R35 | a destination sticks to a process |
// |  |  | `aDestinationSticksToOneProcessUntilItIsBusyThere` |
// | R36 | a full queue stops new mail | `aFullQueueIsToldToTheWriters` |
// | R38 | an smtpd is there again at once; who ended one waits |
// |  |  | `aWriterWaitsOnlyAfterFiveDeathsInTenSeconds` |
// |  |  | `aClientAtWhoseInputAServerDiesIsNamedAndRefusedForAWhile` |
// | – | what is whole and not understood is held | `aWholeRecordThatIsNotUnderstoodIsKept` |
// |  |  | `aMessageWhoseHistoryIsNotUnderstoodIsHeld` |
// | – | a newer format is refused and left alone | `aNewerSegmentIsRefused` |
// |  |  | `aNewerJournalIsRefusedAndLeftAlone` |
// |  |  | `aSpoolOfANewerFormatIsLeftAlone` |
// | – | the format before the newest is written until the upgrade |
// |  |  | `theOldFormatIsWrittenUntilTheUpgrade` |
//
// What the simulation taught, beyond the rules as they were first written: a recovery forgets the
// page cache of a dead writer's segment before it walks it, since a flush may have failed that
// nobody lived to report; it does not act on what it could not make durable; the folder is flushed
// before a journal without a segment is removed; a segment with a table of records is taken from
// the table even while its lock is held.
