import Primitives

/// Where a value comes from.
extension Configuration {
  /// A sentence about a parameter with the place in front where what it is about was set.
  ///
  /// A value may come from another parameter: the default of `virtual_alias_domains` is
  /// `$virtual_alias_maps`. What the administrator is to mend is then the other one, and that is
  /// what the sentence names.
  ///
  /// - Parameter sentence: begins with the parameter and a colon.
  package func located(_ sentence: String) -> String {
    let name = sentence.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    if let place = location(of: String(name)) { return "\(place): \(sentence)" }
    let reason = sentence.dropFirst(name.count)
    let origins = assignedOrigins(of: String(name))
    let named = origins.first { origin in parts(of: origin).contains { reason.contains($0) } }
    guard let origin = named ?? (origins.count == 1 ? origins[0] : nil),
      let place = location(of: origin)
    else { return sentence }
    return "\(place): \(origin)\(reason) (it stands for \(name) too)"
  }

  /// The names that were set and to which the default of a parameter refers, the nearest first.
  private func assignedOrigins(of name: String) -> [String] {
    var seen: Set<String> = [name]
    var found: [String] = []
    var names = [name]
    var next = 0
    while next < names.count {
      for reference in UsageCheck.references(in: text(names[next]) ?? "")
      where seen.insert(reference).inserted {
        names.append(reference)
        if location(of: reference) != nil { found.append(reference) }
      }
      next += 1
    }
    return found
  }

  /// What a sentence may say of the items of a list: all of one, or what stands behind its type.
  private func parts(of name: String) -> [Substring] {
    let text = (try? expandedText(name)) ?? ""
    return text.split { ", \t\n".contains($0) }.flatMap { item in
      let argument = item.firstIndex(of: ":").map { item[item.index(after: $0)...] }
      return [item, argument ?? ""].filter { !$0.isEmpty }
    }
  }
}
