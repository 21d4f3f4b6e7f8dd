// SMTPReceiver
