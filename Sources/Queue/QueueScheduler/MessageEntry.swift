import MailTypes
import Primitives

/// Where a known message is.
enum MessageState: UInt8 {
  /// The slot is free.
  case free
  /// Not tried yet, waiting for room in the active window.
  case fresh
  /// Its time has come, waiting for room in the active window.
  case due
  /// In the retry calendar.
  case deferred
  /// In the active window while its record is read.
  case loading
  /// In the active window with recipients to deliver.
  case active
  /// Its end is being written down.
  case ending
  /// On hold.
  case held
  /// Outside the active window while its record is copied to another place (rule R17).
  case moving

  static let count = 9
}

/// All that is kept of a message outside the active window (spool rule R28: 64 bytes).
struct MessageEntry {
  struct Marks: OptionSet {
    let rawValue: UInt8
    static let nullSender = Marks(rawValue: 1)
    /// No run of it has ended yet.
    static let untried = Marks(rawValue: 2)
    /// Orders that wait for deliveries in flight (rule R22).
    static let delete = Marks(rawValue: 4)
    static let hold = Marks(rawValue: 8)
    /// The administrator wants it returned instead of tried.
    static let expire = Marks(rawValue: 16)
    /// The administrator wants a new message in its place.
    static let requeue = Marks(rawValue: 32)
    /// In line for the window as soon as it has been moved.
    static let due = Marks(rawValue: 64)
    /// Its sender has been told of its delay, or is about to be.
    static let delayReported = Marks(rawValue: 128)
  }

  var id = QueueID(microseconds: 0, sequence: 0)
  var arrival = MonotonicTime(nanoseconds: 0)
  var segment: UInt32 = 0
  var offsetUnits: UInt32 = 0
  /// Its tick in the retry calendar.
  var tick: UInt32 = 0
  var destination: UInt32 = 0
  var recipientsLeft: UInt32 = 0
  /// Links of the one list it is in; `next` also chains free slots.
  var next = noSlot
  var previous = noSlot
  /// Its slot in the active window.
  var active = noSlot
  var generation: UInt32 = 0
  var state = MessageState.free
  var marks: Marks = []
  var deaths: UInt8 = 0

  var place: MessagePlace {
    get { MessagePlace(segment: segment, offset: UInt64(offsetUnits) * 64) }
    set {
      segment = newValue.segment
      offsetUnits = UInt32(newValue.offset / 64)
    }
  }
}
