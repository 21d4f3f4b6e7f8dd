import LinuxSystem
import MailTypes
import QueueFormat
import ServiceKit
import SystemPackage

/// Which records the queue manager has in hand, in memory that `master` keeps: a record at which
/// it died twice is found by the next life and set aside (spool rule R19).
///
/// A mark is a few stores; there is no system call for a message. Each mark belongs to one thread.
final class RecordMarks: Sendable {
  /// For what the reactor takes into the queue.
  let intake: RecordMark
  /// For what the reader reads.
  let reading: RecordMark
  /// For what the reactor loads into the active window.
  let loading: RecordMark
  /// Records that are to be set aside.
  let condemned: Set<RecordPlace>

  /// Deaths at a record after which it is set aside.
  private static let deathsMax: UInt64 = 2

  /// Begins a life: what is still marked is where the one before died.
  ///
  /// - Parameter file: of a `SharedPage`.
  init(_ file: Int32) throws(Errno) {
    let words = try SharedPage(file)
    let numbers = 0..<3
    let earlier = numbers.compactMap { MarkWords(words, mark: $0).suspect }
    var condemned: Set<RecordPlace> = []
    let marks = numbers.map { number in
      let mine = MarkWords(words, mark: number)
      var suspect: Suspect?
      if let place = mine.inHand {
        let deaths = (earlier.first { $0.place == place }?.deaths ?? 0) + 1
        if deaths >= Self.deathsMax { condemned.insert(place) }
        suspect = Suspect(place: place, deaths: deaths)
      }
      return (words: mine, suspect: suspect)
    }
    for mark in marks {
      mark.words.suspect = mark.suspect
      mark.words.inHand = nil
    }
    self.condemned = condemned
    let made = marks.map { mark in
      RecordMark(
        mark.words,
        suspect: mark.suspect.flatMap { condemned.contains($0.place) ? nil : $0.place })
    }
    intake = made[0]
    reading = made[1]
    loading = made[2]
  }
}

/// The record that one thread has in hand.
final class RecordMark: @unchecked Sendable {
  private var words: MarkWords
  /// The record at which an earlier life died with this mark, until it is got over.
  private var suspect: RecordPlace?

  fileprivate init(_ words: MarkWords, suspect: RecordPlace?) {
    self.words = words
    self.suspect = suspect
  }

  /// Marks a record before anything of it is interpreted; it ends the mark before.
  func begin(_ place: RecordPlace) {
    if suspect != nil { settle() }
    words.inHand = place
  }

  /// Nothing is in hand any more.
  func end() {
    if suspect != nil { settle() }
    words.inHand = nil
  }

  /// A record that got over the step at which an earlier life died with it was not the reason.
  private func settle() {
    guard words.inHand == suspect else { return }
    suspect = nil
    words.suspect = nil
  }
}

/// A record at which the queue manager died, and how often.
private struct Suspect: Equatable {
  var place: RecordPlace
  var deaths: UInt64
}

/// The words of one mark: nonce and offset of what is in hand, and of the suspect with its deaths.
private struct MarkWords {
  private static let count = 7
  private let words: SharedPage
  private let start: Int

  init(_ words: SharedPage, mark: Int) {
    self.words = words
    start = mark * Self.count
  }

  var inHand: RecordPlace? {
    get { place(at: start) }
    nonmutating set { store(newValue, at: start) }
  }

  var suspect: Suspect? {
    get { place(at: start + 3).map { Suspect(place: $0, deaths: words[start + 6]) } }
    nonmutating set {
      words[start + 6] = newValue?.deaths ?? 0
      store(newValue?.place, at: start + 3)
    }
  }

  private func place(at index: Int) -> RecordPlace? {
    let offset = words[index + 2]
    guard offset > 0 else { return nil }
    return RecordPlace(nonce: Nonce(high: words[index], low: words[index + 1]), offset: offset)
  }

  /// Half a place must name no record: the offset is 0 while the nonce changes.
  private func store(_ place: RecordPlace?, at index: Int) {
    words[index + 2] = 0
    guard let place else { return }
    words[index] = place.nonce.high
    words[index + 1] = place.nonce.low
    words[index + 2] = place.offset
  }
}
