import Testing

@testable import Configuration

/// Expressions and what Postfix 3.7 makes of them with b=bee, e=, b_c=BC, ref=$e, self=$self.
@Suite struct MacroExpanderTests {
  private let names = ["b": "bee", "e": "", "b_c": "BC", "ref": "$e", "self": "$self"]

  private func expand(_ text: String) throws(ConfigurationError) -> String {
    var expander = MacroExpander { name throws(ConfigurationError) in
      name == "mynetworks_style" ? "host" : names[name]
    }
    return try expander.expand(text, owner: "a")
  }

  @Test(arguments: [
    (#"$b"#, #"bee"#),
    (#"${b}"#, #"bee"#),
    (#"$(b)"#, #"bee"#),
    (#"$$b"#, #"$b"#),
    (#"[$$$$b]"#, #"[$$b]"#),
    (#"${b?x}"#, #"x"#),
    (#"${b:x}"#, #""#),
    (#"${e?x}"#, #""#),
    (#"${e:x}"#, #"x"#),
    (#"${b?{x}:{y}}"#, #"x"#),
    (#"${e?{x}:{y}}"#, #"y"#),
    (#"${e?{x}:y}"#, #"y"#),
    (#"${b?{x}:y}"#, #"x"#),
    (#"${e:{x}}"#, #"x"#),
    (#"${b:{x}}"#, #""#),
    (#"${b?{x $e y}}"#, #"x  y"#),
    (#"${ b }"#, #"bee"#),
    (#"${b ? {x} : {y}}"#, #"x"#),
    (#"${b?x:y}"#, #"x:y"#),
    (#"${e?x:y}"#, #""#),
    (#"${e:x:y}"#, #"x:y"#),
    (#"[${b? x }]"#, #"[ x ]"#),
    (#"[${e: x }]"#, #"[ x ]"#),
    (#"[${b?{x}:{y} }]"#, #"[x]"#),
    (#"[${e?{x}: y }]"#, #"[ y ]"#),
    (#"[${e?{x}:y z}]"#, #"[y z]"#),
    (#"[${ref?x}]"#, #"[x]"#),
    (#"[${ref:x}]"#, #"[]"#),
    (#"[${self?x}]"#, #"[x]"#),
    (#"[${b?{ x }}]"#, #"[ x ]"#),
    (#"[${{a}=={a} }]"#, #"[true]"#),
    (#"[${{a}=={a}?x:y}]"#, #"[x:y]"#),
    (#"[${{a}=={b}?x:y}]"#, #"[]"#),
    (#"[${{a}=={b}: y }]"#, #"[ y ]"#),
    (#"[${nope?x}]"#, #"[]"#),
    (#"[${nope:x}]"#, #"[x]"#),
    (#"[${b ?x}]"#, #"[x]"#),
    (#"[${{$nope}=={}?{y}:{n}}]"#, #"[y]"#),
    (#"[${{a{b}c}=={a{b}c}?{y}:{n}}]"#, #"[y]"#),
    (#"[${b?{{x}}}]"#, #"[{x}]"#),
    (#"[${b?{x}:}]"#, #"[x]"#),
    (#"[${e?{x}:}]"#, #"[]"#),
    (#"[${e?:z}]"#, #"[]"#),
    (#"[${b?:z}]"#, #"[:z]"#),
    (#"[${b?$e}]"#, #"[]"#),
    (#"[${b?$$}]"#, #"[$]"#),
    (#"[$(b?(x))]"#, #"[(x)]"#),
    (#"[${{0x10}=={16}?{y}:{n}}]"#, #"[n]"#),
    (#"${{a}=={a}?{yes}:{no}}"#, #"yes"#),
    (#"${{a} == {b} ? {yes} : {no}}"#, #"no"#),
    (#"${{10} < {9} ? {yes} : {no}}"#, #"no"#),
    (#"${{10} < {9a} ? {yes} : {no}}"#, #"yes"#),
    (#"${{ 10 } < { 9 } ? {yes} : {no}}"#, #"yes"#),
    (#"${{3.6} <level {3.10} ? {yes} : {no}}"#, #"yes"#),
    (#"${{3.6} < {3.10} ? {yes} : {no}}"#, #"no"#),
    (#"${{3.6} ==level {3.6.0} ? {yes} : {no}}"#, #"yes"#),
    (#"${{x}!={x}?{yes}:{no}}"#, #"no"#),
    (#"${{x}>={x}?{yes}:{no}}"#, #"yes"#),
    (#"${{x}=={y}}"#, #""#),
    (#"${{x}=={y}:{n}}"#, #"n"#),
    (#"${{x}=={y}?{n}}"#, #""#),
    (#"${{$b}=={bee}?{yes}:{no}}"#, #"yes"#),
    (#"${{x}=={x}?{${b}}:{no}}"#, #"bee"#),
    (#"$b.c"#, #"bee.c"#),
    (#"$b_c"#, #"BC"#),
    (#"$b-c"#, #"bee-c"#),
    (#"${b}c"#, #"beec"#),
    (#"$1"#, #""#),
    (#"${b?{}:{y}}"#, #""#),
    (#"${b?}"#, #""#),
    (#"${b:}"#, #""#),
    (#"${{}=={}?{y}:{n}}"#, #"y"#),
    (#"{ $b }"#, #"{ bee }"#),
    (#"{{ $b }}"#, #"{{ bee }}"#),
    (#"%b"#, #"%b"#),
    (#"\$b"#, #"\bee"#),
    (#"${b?${e:z}}"#, #"z"#),
    (#"${b?{${e?{1}:{2}}}}"#, #"2"#),
    (#"${{ a b } == {a b}?{y}:{n}}"#, #"n"#),
    (#"${{007} == {7}?{y}:{n}}"#, #"y"#),
    (#"${{-1} < {1}?{y}:{n}}"#, #"y"#),
    (#"${{} < {1}?{y}:{n}}"#, #"y"#),
    (#"${{2} <level {10} ? {y}:{n}}"#, #"y"#),
    (#"${{3} <level {3.0} ? {y}:{n}}"#, #"n"#),
    (#"${{3} <=level {3.0} ? {y}:{n}}"#, #"y"#),
    (#"${{3} >level {2.9} ? {y}:{n}}"#, #"y"#),
    (#"${{3} !=level {2.9} ? {y}:{n}}"#, #"y"#),
    (#"${{3}<level{2.9}?{y}:{n}}"#, #"n"#),
    (#"$(b?{x}:{y})"#, #"x"#),
    (#"$(b?x)"#, #"x"#),
    (#"$(b?x})"#, #"x}"#),
    (#"${b?x)}"#, #"x)"#),
    (#"${b?x}}"#, #"x}"#),
    (#"${b?$(e:q)}"#, #"q"#),
    (#"${b?{$(e:{q})}}"#, #"q"#),
    (#"${b?{x}:{$}}"#, #"x"#),
    (#"${{99999999999999999999} > {1}?{y}:{n}}"#, #"y"#),
    (#"[$mynetworks_style]"#, #"[host]"#),
  ])
  func expandsAsPostfixDoes(text: String, expected: String) throws {
    #expect(try expand(text) == expected)
  }

  @Test(arguments: [
    #"$"#,
    #"x$"#,
    #"${"#,
    #"${b"#,
    #"${}"#,
    #"$()"#,
    #"${b+x}"#,
    #"${b?{x}"#,
    #"${b?{x}:{y}z}"#,
    #"${b?{x}z}"#,
    #"${b?{x}{y}}"#,
    #"${b?{x}:{y}{z}}"#,
    #"${{a}=~{b}?{y}:{n}}"#,
    #"${{a} = {b}?{y}:{n}}"#,
    #"${{1}<>{b}?{y}:{n}}"#,
    #"${{x} <level {10} ? {y}:{n}}"#,
    #"${{3.6-x} <level {10} ? {y}:{n}}"#,
    #"${{3.6.1.2} <level {10} ? {y}:{n}}"#,
    #"${{ 3.6 } <level { 3.10 }?{y}:{n}}"#,
    #"${{} <level {1}?{y}:{n}}"#,
    #"${{3.} <level {4}?{y}:{n}}"#,
    #"${{3} <LEVEL {2.9} ? {y}:{n}}"#,
    #"$(b}"#,
    #"${b)"#,
    #"$ b"#,
    #"$-b"#,
    #"$é"#,
    #"${b.c}"#,
    #"${{2} level {10}?{y}:{n}}"#,
    #"${{2} {10}?{y}:{n}}"#,
    #"${{2}==}"#,
    #"${{2}=={2}x}"#,
    #"${{2}==2?{y}}"#,
    #"${{2}"#,
    #"${b?${}"#,
    #"${b?{$}}"#,
    #"${e:{x} z}"#,
    #"${e:{x}:z}"#,
    #"${{$}=={a}?y}"#,
  ])
  func refusesWhatPostfixRefuses(text: String) {
    do throws(ConfigurationError) {
      let value = try expand(text)
      Issue.record("expanded to \(value)")
    } catch {
      guard case .malformed = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test func refusesRecursion() {
    #expect(throws: ConfigurationError.recursion("self")) { try expand("x $self") }
    #expect(throws: ConfigurationError.recursion("a")) { try expand("${a}") }
  }

  @Test func refusesDeepNesting() {
    let text = String(repeating: "${b?{", count: 5000) + String(repeating: "}}", count: 5000)
    #expect(throws: ConfigurationError.self) { try expand(text) }
  }

  @Test(arguments: ["text", ""])
  func refusesExpansionThatExplodes(leaf: String) {
    var expander = MacroExpander { name throws(ConfigurationError) in
      let level = name.utf8.count
      let next = "$" + String(repeating: "x", count: level + 1)
      return level < 60 ? next + next : leaf
    }
    #expect(throws: ConfigurationError.tooLong(MacroExpander.lengthLimit)) {
      try expander.expand("$x", owner: "a")
    }
  }

  @Test func remembersNamesWithoutAValue() throws {
    var expander = MacroExpander { name throws(ConfigurationError) in names[name] }
    _ = try expander.expand("$b $nope ${nix?x} $nope", owner: "a")
    #expect(expander.undefinedNames == ["nope", "nix"])
  }
}
