"""What tests of pages ask of Chromium."""

PHONE = 380  # CSS pixels


def set_width(browser, width):
    """Emulated, because a window is never as narrow as a phone."""
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': width, 'height': 800, 'deviceScaleFactor': 2, 'mobile': width < 600})


def console(browser):
    return [entry for entry in browser.get_log('browser') if entry['level'] == 'SEVERE']
