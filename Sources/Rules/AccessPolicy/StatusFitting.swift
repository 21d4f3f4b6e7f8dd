import MailTypes

extension EnhancedStatus {
  /// The status as a reply with a code about a subject may give it.
  ///
  /// Its class follows the code. A status about addresses says which of the two it means (RFC 3463
  /// 3.2), and means nothing where the subject is no address.
  func fitting(code: UInt16, about target: AccessSubject) -> EnhancedStatus {
    var (topic, detail) = (subject, detail)
    if ![4, 5].contains(statusClass) {
      (topic, detail) = (0, 0)
    } else if topic == 1 {
      switch target {
      case .sender: detail = Self.senderDetail(detail)
      case .recipient: detail = Self.recipientDetail(detail)
      case .client, .certificate, .helo, .etrn, .data, .endOfData: (topic, detail) = (0, 0)
      }
    }
    return EnhancedStatus(code < 500 ? 4 : 5, topic, detail)
  }

  private static func senderDetail(_ detail: UInt16) -> UInt16 {
    switch detail {
    case 1, 3, 4, 6: 7
    case 2: 8
    case 5: 0
    default: detail
    }
  }

  private static func recipientDetail(_ detail: UInt16) -> UInt16 {
    switch detail {
    case 7: 3
    case 8: 2
    default: detail
    }
  }
}
