/// A typed name of a parameter.
package protocol ParameterKey: Sendable {
  /// What is known about the parameter.
  var declaration: Declaration { get }
}

/// A parameter that is `yes` or `no`.
package struct FlagParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(_ name: String, default text: String, _ summary: String) {
    declaration = Declaration(name, default: text, .flag, summary)
  }
}

/// A parameter that is a whole number.
package struct IntegerParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(
    _ name: String, default text: String, in bounds: ClosedRange<Int> = 0...Int(Int32.max),
    _ summary: String
  ) {
    declaration = Declaration(name, default: text, .integer(bounds), summary)
  }
}

/// A parameter that is a number of bytes.
package struct SizeParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(
    _ name: String, default text: String, in bounds: ClosedRange<Int64> = 0...Int64.max,
    _ summary: String
  ) {
    declaration = Declaration(name, default: text, .size(bounds), summary)
  }
}

/// A parameter that is a time; its default names the unit of numbers without one.
package struct DurationParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(
    _ name: String, default text: String, unit: TimeUnit? = nil, min: Duration = .zero,
    max: Duration = ParameterKind.longest, _ summary: String
  ) {
    guard let unit = unit ?? TimeUnit(suffixOf: text) else {
      preconditionFailure("\(name) has no unit")
    }
    declaration = Declaration(
      name, default: text, .duration(min...max, unit: unit), summary)
  }
}

/// A parameter that is a text.
package struct TextParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(
    _ name: String, default text: String, mayBeEmpty: Bool = true, isRaw: Bool = false,
    _ summary: String
  ) {
    declaration = Declaration(
      name, default: text, .text(mayBeEmpty: mayBeEmpty), isRaw: isRaw, summary)
  }

  init(
    _ name: String, default text: String, _ form: TextForm, mayBeEmpty: Bool = true,
    _ summary: String
  ) {
    declaration = Declaration(
      name, default: text, .formed(form, mayBeEmpty: mayBeEmpty), summary)
  }

  init(level name: String, default text: String, _ summary: String) {
    declaration = Declaration(name, default: text, .level, summary)
  }

  init(_ name: String, default computed: ComputedDefault, _ form: TextForm, _ summary: String) {
    declaration = Declaration(name, default: computed, .formed(form, mayBeEmpty: false), summary)
  }
}

/// A parameter that is a list.
package struct ListParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(_ name: String, default text: String, _ summary: String) {
    declaration = Declaration(name, default: text, .list, summary)
  }

  init(_ name: String, default computed: ComputedDefault, _ summary: String) {
    declaration = Declaration(name, default: computed, .list, summary)
  }

  init(
    _ name: String, default text: String, of words: [String], mayBeEmpty: Bool = false,
    _ summary: String
  ) {
    declaration = Declaration(
      name, default: text, .words(words, mayBeEmpty: mayBeEmpty), summary)
  }
}

/// The words that a parameter of a fixed vocabulary may have.
package protocol ParameterChoice: RawRepresentable<String>, CaseIterable, Sendable {}

/// A parameter that is one of a few words.
package struct ChoiceParameter<Choice: ParameterChoice>: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(_ name: String, default text: String, _ summary: String) {
    let words = Choice.allCases.map(\.rawValue)
    declaration = Declaration(name, default: text, .choice(words), summary)
  }
}

/// A parameter that is a concurrency feedback.
package struct FeedbackParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(_ name: String, default text: String, _ summary: String) {
    declaration = Declaration(name, default: text, .feedback, summary)
  }
}

/// A parameter that lists versions of TLS.
package struct TLSProtocolParameter: ParameterKey {
  /// What is known about the parameter.
  package let declaration: Declaration

  init(_ name: String, default text: String, _ summary: String) {
    declaration = Declaration(name, default: text, .protocols, summary)
  }
}
