import Testing

@testable import QueueScheduler

/// Numbers worked out by hand from the published rules.
@Suite struct ConcurrencyTests {
  private func limits(
    initial: Int = 5, limit: Int = 20, positive: ConcurrencyFeedback = .init(amount: 1),
    negative: ConcurrencyFeedback = .init(amount: 1), cohorts: Int = 1
  ) -> TransportLimits {
    var limits = TransportLimits()
    limits.initialConcurrency = initial
    limits.concurrencyLimit = limit
    limits.positiveFeedback = positive
    limits.negativeFeedback = negative
    limits.failedCohortLimit = cohorts
    return limits
  }

  private func sizes(
    _ steps: String, busy: Int, _ limits: TransportLimits
  ) -> [Int] {
    var window = ConcurrencyWindow(limits)
    return steps.map { step in
      if step == "+" { _ = window.succeeded(busy: busy, limits) } else { _ = window.failed(limits) }
      return window.isDead ? 0 : window.size
    }
  }

  @Test func eachSuccessAddsOneUpToTheLimit() {
    #expect(sizes("+++++", busy: 20, limits(limit: 8)) == [6, 7, 8, 8, 8])
  }

  @Test func noLimitMeansNone() {
    #expect(sizes("+++", busy: 100, limits(initial: 30, limit: 0)) == [31, 32, 33])
  }

  @Test func concurrencyThatIsNotUsedDoesNotGrow() {
    #expect(sizes("++++", busy: 2, limits()) == [6, 7, 7, 7])
  }

  @Test func failuresOfOnePseudoCohortKill() {
    // 1/5 + 1/4 + 1/3 = 0.78; with 1/2 it is 1.28.
    #expect(sizes("----", busy: 5, limits()) == [4, 3, 2, 0])
  }

  @Test func twoCohortsLastLonger() {
    // 0.2 0.45 0.78 1.28, then 1 each: 2.28.
    #expect(sizes("-----", busy: 5, limits(cohorts: 2)) == [4, 3, 2, 1, 0])
  }

  @Test func noCohortLimitNeverKills() {
    #expect(sizes("-------", busy: 5, limits(cohorts: 0)) == [4, 3, 2, 1, 1, 1, 1])
  }

  @Test func successForgivesFailedCohorts() {
    #expect(sizes("---+---", busy: 5, limits()) == [4, 3, 2, 3, 2, 1, 0])
  }

  @Test func fractionalPositiveFeedbackCountsAtTheEndOfACycle() {
    let quarter = ConcurrencyFeedback(amount: 0.25)
    #expect(
      sizes("++++++++", busy: 20, limits(positive: quarter)) == [5, 5, 5, 6, 6, 6, 6, 7])
  }

  @Test func fractionalNegativeFeedbackCountsAtTheStartOfACycle() {
    let quarter = ConcurrencyFeedback(amount: 0.25)
    #expect(
      sizes("---------", busy: 20, limits(initial: 10, negative: quarter, cohorts: 0))
        == [9, 9, 9, 9, 8, 8, 8, 8, 7])
  }

  @Test func feedbackByConcurrencyTakesAWholePseudoCohort() {
    let share = ConcurrencyFeedback(amount: 1, dividedBy: .concurrency)
    // Five fifths, then six sixths.
    #expect(
      sizes("+++++++++++", busy: 20, limits(positive: share))
        == [5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7])
  }

  @Test func feedbackByRootOfConcurrency() {
    let root = ConcurrencyFeedback(amount: 1, dividedBy: .squareRootOfConcurrency)
    // Four at 4: halves. Then 1/sqrt(5) = 0.447 each: 0.447 0.894 1.342, of which 0.342 stays.
    #expect(
      sizes("++++++", busy: 20, limits(initial: 4, positive: root)) == [4, 5, 5, 5, 6, 6])
  }

  @Test func aFailureOnlyUndoesProgressWhenItLowersTheConcurrency() {
    let half = ConcurrencyFeedback(amount: 0.5)
    // + 0.5; - lowers and clears it; + 0.5, + 1: up.
    #expect(
      sizes("+-++", busy: 20, limits(positive: half, negative: half, cohorts: 0)) == [5, 4, 4, 5])
  }

  @Test func lifeBeginsAgainWithWhatIsUnderWay() {
    var window = ConcurrencyWindow(limits())
    for _ in 0..<4 { _ = window.failed(limits()) }
    #expect(window.isDead)
    let isBack = window.succeeded(busy: 3, limits())
    #expect(isBack)
    #expect(window.size == 3)
    window.revive(busy: 0, limits())
    #expect(window.size == 5)
  }
}
