import COpenSSL

/// A step of a handshake, for the log.
package enum TLSStep: Hashable, Sendable {
  /// What the library does, such as `SSL_accept:SSLv3/TLS read client hello`.
  case state(String)
  /// A ticket is made with a key that opens tickets until then, in seconds of the wall clock.
  case issuesTicket(keyExpires: Int64)
  /// A ticket came that such a key opens.
  case opensTicket(keyExpires: Int64)
}

/// The steps of one handshake since they were last taken.
final class TLSSteps {
  /// Many more than a handshake has.
  private static let countMax = 200
  private var steps: [TLSStep] = []

  func add(_ step: TLSStep) {
    if steps.count < Self.countMax { steps.append(step) }
  }

  func take() -> [TLSStep] {
    defer { steps = [] }
    return steps
  }
}

/// Where an `SSL` keeps a reference to the steps of its session.
let stepsIndex = copenssl_session_index()

/// The steps of a session that wants them told.
func steps(of ssl: OpaquePointer?) -> TLSSteps? {
  guard let ssl, let raw = SSL_get_ex_data(ssl, stepsIndex) else { return nil }
  return Unmanaged<TLSSteps>.fromOpaque(raw).takeUnretainedValue()
}

/// Notes what the library says of a session.
func stepCallback(_ ssl: OpaquePointer?, _ place: Int32, _ value: Int32) {
  guard let steps = steps(of: ssl), let text = stepText(ssl, place, value) else { return }
  steps.add(.state(text))
}

private func stepText(_ ssl: OpaquePointer?, _ place: Int32, _ value: Int32) -> String? {
  let text = { (pointer: UnsafePointer<CChar>?) in pointer.map { String(cString: $0) } ?? "" }
  if place & SSL_CB_ALERT != 0 {
    // A goodbye is no alarm.
    guard value & 0xff != SSL3_AD_CLOSE_NOTIFY else { return nil }
    return "SSL3 alert \(place & SSL_CB_READ != 0 ? "read" : "write"):"
      + "\(text(SSL_alert_type_string_long(value))):\(text(SSL_alert_desc_string_long(value)))"
  }
  let side =
    place & SSL_ST_CONNECT != 0
    ? "SSL_connect" : place & SSL_ST_ACCEPT != 0 ? "SSL_accept" : "undefined"
  let state = text(SSL_state_string_long(ssl))
  if place & SSL_CB_LOOP != 0 { return "\(side):\(state)" }
  guard place & SSL_CB_EXIT != 0, value <= 0 else { return nil }
  if value == 0 { return "\(side):failed in \(state)" }
  let waits = [SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE].contains(SSL_get_error(ssl, value))
  return waits ? nil : "\(side):error in \(state)"
}
