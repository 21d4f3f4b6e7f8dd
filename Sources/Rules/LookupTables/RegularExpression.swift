import CPCRE2

/// A compiled pattern of PCRE2 that may be matched on any thread.
final class RegularExpression: @unchecked Sendable {
  /// How often matching may try and go back before it gives up.
  static let matchLimit: UInt32 = 1_000_000
  /// Memory for going back, in KiB.
  private static let heapLimit: UInt32 = 4 << 10

  private let code: OpaquePointer
  private let context: OpaquePointer

  /// Compiles a pattern with options of `pcre2_compile`.
  init(
    _ pattern: [UInt8], options: UInt32, matchLimit: UInt32 = RegularExpression.matchLimit
  ) throws(RuleError) {
    var code: CInt = 0
    var offset = 0
    guard let compiled = pcre2_compile_8(pattern, pattern.count, options, &code, &offset, nil)
    else {
      throw RuleError(reason: "\(Self.message(code)) at character \(offset + 1) of the pattern")
    }
    guard let context = pcre2_match_context_create_8(nil) else {
      pcre2_code_free_8(compiled)
      throw RuleError(reason: "no memory for a pattern")
    }
    pcre2_set_match_limit_8(context, matchLimit)
    pcre2_set_heap_limit_8(context, Self.heapLimit)
    self.code = compiled
    self.context = context
  }

  deinit {
    pcre2_match_context_free_8(context)
    pcre2_code_free_8(code)
  }

  /// The text of the whole match and of each group; `nil` when the subject does not match.
  ///
  /// Throws a reason when the limits are reached.
  func groups(in subject: [UInt8]) throws(RuleError) -> [[UInt8]]? {
    guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else {
      throw RuleError(reason: "no memory for a match")
    }
    defer { pcre2_match_data_free_8(data) }
    let count = pcre2_match_8(code, subject, subject.count, 0, 0, data, context)
    if count == PCRE2_ERROR_NOMATCH { return nil }
    guard count > 0, let ends = pcre2_get_ovector_pointer_8(data) else {
      throw RuleError(reason: Self.message(count))
    }
    return (0..<Int(count)).map { group in
      let (start, end) = (ends[2 * group], ends[2 * group + 1])
      return start <= end && end <= subject.count ? Array(subject[start..<end]) : []
    }
  }

  /// The number of groups in the pattern.
  var groupCount: Int {
    var count: UInt32 = 0
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
    return Int(count)
  }

  private static func message(_ code: CInt) -> String {
    var text = [UInt8](repeating: 0, count: 256)
    let length = pcre2_get_error_message_8(code, &text, text.count)
    return length > 0 ? String(decoding: text.prefix(Int(length)), as: UTF8.self) : "error \(code)"
  }
}
