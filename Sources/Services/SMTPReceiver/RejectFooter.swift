import Configuration
import LookupTables
import Primitives

/// What 4xx and 5xx replies end with: `smtpd_reject_footer`, and `smtpd_reject_footer_maps` for
/// single ones.
struct RejectFooter: Sendable {
  /// What `$name` stands for in a footer.
  struct Attributes {
    var client: String
    var port: String
    var time: String
    var server: String

    fileprivate func value(_ name: String) -> String? {
      switch name {
      case "client_address": client
      case "client_port": port
      case "localtime": time
      case "server_name": server
      default: nil
      }
    }
  }

  private let template: String
  private let tables: TableSet
  private let allowed: Set<UInt8>

  /// `nil` where replies end as they are.
  init?(_ configuration: Configuration, tables: TableSet) {
    template = configuration[.smtpdRejectFooter]
    self.tables = tables
    allowed = Set(CharacterFilter.bytes(configuration[.smtpdExpansionFilter]))
    if template.isEmpty, tables.isEmpty { return nil }
  }

  /// Whether one of the replies in wire form would get a footer.
  static func mayConcern(_ replies: ArraySlice<UInt8>) -> Bool {
    replies.split(separator: ASCII.lf).contains { isRefusal($0) }
  }

  private static func isRefusal(_ line: ArraySlice<UInt8>) -> Bool {
    line.first == UInt8(ascii: "4") || line.first == UInt8(ascii: "5")
  }

  /// The replies, complete ones in wire form, with their footers.
  ///
  /// What is wrong with a footer is told to `warn`; the reply stays without it.
  func added(
    to replies: ArraySlice<UInt8>, _ attributes: Attributes, warn: (String) -> Void
  ) async -> [UInt8] {
    var out: [UInt8] = []
    var rest = replies
    while !rest.isEmpty {
      let reply = Self.takeReply(&rest)
      if Self.isRefusal(reply), let template = await template(for: reply, warn: warn),
        let text = fill(template, attributes, warn: warn)
      {
        out += Self.joined(reply, text)
      } else {
        out += reply
      }
    }
    return out
  }

  /// Takes the lines up to the last of a reply, which has no hyphen behind its code.
  private static func takeReply(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let all = rest
    while let end = rest.firstIndex(of: ASCII.lf) {
      let isLast = rest.dropFirst(3).first != UInt8(ascii: "-")
      rest = rest[(end + 1)...]
      if isLast { break }
    }
    return all[..<rest.startIndex]
  }

  private func template(
    for reply: ArraySlice<UInt8>, warn: (String) -> Void
  ) async -> String? {
    var key = reply
    while key.last == ASCII.lf || key.last == ASCII.cr { key.removeLast() }
    do throws(LookupError) {
      if let found = try await tables.find(Array(key)) {
        return String(decoding: found.value, as: UTF8.self)
      }
    } catch {
      warn("\(error)")
    }
    return template.isEmpty ? nil : template
  }

  private func fill(
    _ template: String, _ attributes: Attributes, warn: (String) -> Void
  ) -> [UInt8]? {
    do throws(ConfigurationError) {
      let filled = try AttributeTemplate.fill(template) { name in
        attributes.value(name).map { value in
          let bytes = value.utf8.map { allowed.contains($0) ? $0 : UInt8(ascii: "_") }
          return String(decoding: bytes, as: UTF8.self)
        }
      }
      for name in filled.unknownNames {
        warn("unknown macro name \"\(name)\" in expansion request")
      }
      return Array(filled.text.utf8)
    } catch .malformed(let reason) where reason.hasPrefix("'$' without a name") {
      warn("empty macro name: \"\(template)\"")
      return nil
    } catch {
      warn("bad smtpd_reject_footer \"\(template)\": \(error)")
      return nil
    }
  }

  /// A reply with a text behind it: on lines of its own, or with `\c` at its start on the last.
  private static func joined(_ reply: ArraySlice<UInt8>, _ text: [UInt8]) -> [UInt8] {
    var lines = reply.split(separator: ASCII.lf).map { line in
      Array(line.last == ASCII.cr ? line.dropLast() : line)
    }
    let start = prefix(of: lines.last ?? [])
    var parts = parts(of: text)
    if text.starts(with: "\\c".utf8), let last = lines.popLast() {
      parts[0] = Array(last.dropFirst(start.count)) + parts[0].dropFirst(2)
    }
    lines += parts.map { start + $0.map { $0 < ASCII.space ? UInt8(ascii: "?") : $0 } }
    var out: [UInt8] = []
    for (index, line) in lines.enumerated() {
      out += line
      out[out.count - line.count + 3] =
        index + 1 < lines.count ? UInt8(ascii: "-") : ASCII.space
      out += [ASCII.cr, ASCII.lf]
    }
    return out
  }

  /// The code, and the enhanced status if there is one, with the space behind.
  private static func prefix(of line: [UInt8]) -> [UInt8] {
    let status = line.dropFirst(4).prefix { ASCII.isDigit($0) || $0 == UInt8(ascii: ".") }
    let numbers = status.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard numbers.count == 3, numbers[0].elementsEqual(line.prefix(1)),
      numbers.allSatisfy({ (1...3).contains($0.count) }),
      line.dropFirst(4 + status.count).first == ASCII.space
    else { return Array(line.prefix(4)) }
    return Array(line.prefix(4 + status.count + 1))
  }

  /// The lines of a footer, which `\n` parts.
  private static func parts(of text: [UInt8]) -> [[UInt8]] {
    var parts: [[UInt8]] = [[]]
    var rest = text[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "n") {
        rest.removeFirst()
        parts.append([])
      } else {
        parts[parts.count - 1].append(byte)
      }
    }
    return parts
  }
}
