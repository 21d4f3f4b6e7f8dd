import LinuxSystem
import Primitives

/// A transport of `master.cf` that runs a command, as pipe(8) describes it.
package struct PipeService: Sendable, Equatable {
  /// What is wrong with the attributes of a service; the text is for the administrator.
  package struct Flaw: Error, Equatable, CustomStringConvertible {
    /// The sentence.
    package let description: String
  }

  /// What is done to the text.
  package private(set) var style: CopyStyle = []
  /// Whether the command is the end of a message's way (`flags=X`).
  package private(set) var deliversFinally = false
  /// How addresses are shown to the command (`flags=hqu`).
  package private(set) var spelling: PipeSpelling = []
  /// `user=`: the name of the account.
  package private(set) var user = ""
  /// `user=name:group`; empty for the account's own group.
  package private(set) var group = ""
  /// `argv=`.
  package private(set) var arguments: [String] = []
  /// `directory=`; empty for the queue directory.
  package private(set) var directory = ""
  /// `eol=`.
  package private(set) var lineEnd: [UInt8] = [ASCII.lf]
  /// `null_sender=`.
  package private(set) var nullSender = "MAILER-DAEMON"
  /// `size=` in bytes; 0 for no limit.
  package private(set) var sizeMax: UInt64 = 0

  /// Reads the words behind the program's name.
  package init(_ words: [String]) throws(Flaw) {
    var rest = words[...]
    while let word = rest.popFirst() {
      guard let equals = word.firstIndex(of: "=") else {
        throw Flaw(description: "expected attribute=value, found \(word)")
      }
      let value = String(word[word.index(after: equals)...])
      switch word[..<equals] {
      case "flags": try takeFlags(value)
      case "user": try takeUser(value)
      case "argv":
        arguments = [value] + rest
        rest = []
      case "directory": directory = value
      case "eol": lineEnd = try Self.unescaped(value)
      case "null_sender": nullSender = value
      case "size":
        guard let size = UInt64(value) else {
          throw Flaw(description: "size=: expected a number of bytes, found \(value)")
        }
        sizeMax = size
      case "chroot":
        throw Flaw(description: "chroot= is not implemented: use directory=, or leave it out")
      default: throw Flaw(description: "unknown attribute \(word)")
      }
    }
    guard !user.isEmpty else { throw Flaw(description: "user= is missing") }
    guard arguments.first?.isEmpty == false else { throw Flaw(description: "argv= is missing") }
  }

  private mutating func takeFlags(_ flags: String) throws(Flaw) {
    for flag in flags {
      switch flag {
      case "B": style.insert(.blankLine)
      case "D": style.insert(.deliveredTo)
      case "F": style.insert(.fromLine)
      case "O": style.insert(.originalTo)
      case "R": style.insert(.returnPath)
      case "X": deliversFinally = true
      case ".": style.insert(.stuffsDots)
      case ">": style.insert(.quotesFrom)
      case "h": spelling.insert(.foldsDomain)
      case "u": spelling.insert(.foldsLocalPart)
      case "q": spelling.insert(.quotes)
      default: throw Flaw(description: "flags=: unknown flag \(flag)")
      }
    }
  }

  private mutating func takeUser(_ value: String) throws(Flaw) {
    let parts = value.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let name = parts.first, !name.isEmpty, parts.count < 3 else {
      throw Flaw(description: "user=: expected name or name:group, found \(value)")
    }
    user = name
    group = parts.count == 2 ? parts[1] : ""
  }

  /// Takes `\n` and the like, and up to three octal digits, for what they mean.
  private static func unescaped(_ text: String) throws(Flaw) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    let letters: [UInt8: UInt8] = [
      UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10,
      UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 11,
      UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    ]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      let digits = rest.prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
      if !digits.isEmpty {
        let value = digits.reduce(0) { $0 * 8 + Int($1 - UInt8(ascii: "0")) }
        bytes.append(UInt8(truncatingIfNeeded: value))
        rest = rest.dropFirst(digits.count)
      } else if let letter = rest.popFirst(), let meant = letters[letter] {
        bytes.append(meant)
      } else {
        throw Flaw(description: "eol=: unknown escape in \(text)")
      }
    }
    return bytes
  }
}
