import AddressRewriting
import Testing

struct AddressListTests {
  /// What Postfix made of values of `virtual_alias_maps`, before it completed the addresses.
  @Test(arguments: [
    ("a@b.test", ["a@b.test"]), ("a@b.test, c@d.test", ["a@b.test", "c@d.test"]),
    ("a@b.test c@d.test", ["a@b.test", "c@d.test"]),
    ("a@b.test; c@d.test", ["a@b.test", "c@d.test"]),
    ("Phrase Here <p@y.test>, (comment) c@z.test", ["p@y.test", "c@z.test"]),
    ("friends: a@b.test, c@d.test;", ["a@b.test", "c@d.test"]),
    ("\"quoted, one\"@x.test", ["\"quoted, one\"@x.test"]), (",", []), ("", []), ("<>", [""]),
    ("|foo", ["|foo"]), (":include:/tmp/x", [":include:/tmp/x"]),
    ("a @ b . test", ["a@b.test"]), ("a@[IPv6:::1]", ["a@[IPv6:::1]"]),
    ("\"a \\\" b\"@c", ["\"a \\\" b\"@c"]), ("\"open", ["\"open"]), ("<a@b", ["a@b"]),
    ("(a (nested) b\\) c", []), ("a\\,b@c", ["a\\,b@c"]), ("a@b <c@d> e@f", ["c@d", "e@f"]),
    ("\"Last, First\" <a@b>", ["a@b"]), ("[", ["["]), ("a\\", ["a\\"]),
  ])
  func addressesOfATextAreFound(text: String, addresses: [String]) {
    let found = AddressList(text.utf8).addresses.map { String(decoding: $0, as: UTF8.self) }
    #expect(found == addresses)
  }

  @Test func everyTextEnds() {
    let pieces = ["a", "@", "\"", "\\", "(", ")", "<", ">", "[", "]", ":", ",", ";", " ", "."]
    for a in pieces {
      for b in pieces {
        for c in pieces {
          for d in pieces {
            let found = AddressList("\(a)\(b)\(c)\(d)".utf8).addresses
            #expect(found.count <= 4)
          }
        }
      }
    }
  }
}
