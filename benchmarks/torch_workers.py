"""PyTorch's implementations of the training step, on a processor or a GPU; see workers.py, which starts them."""

from step_timer import KEEP, LEAK, SMOOTHING


def _torch_layout(arguments):
    """(memory format, device) of what the flags ask for; readies PyTorch for the device."""
    import torch  # noqa: PLC0415

    if arguments.device == 'gpu':
        if not torch.cuda.is_available():
            raise SystemExit('PyTorch {} sees no GPU'.format(torch.__version__))
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision('high')  # TF32 in products, too, as TensorFlow has it
    return (torch.channels_last if arguments.channels_last else torch.contiguous_format,
            'cuda' if arguments.device == 'gpu' else 'cpu')


def _torch_images(device, layout):
    """on_device(images): the same images in PyTorch's order, which stay on the device, as this project's do."""
    import torch  # noqa: PLC0415

    copies = []

    def on_device(images):
        if not copies:
            copies.append(torch.from_numpy(images).permute(0, 3, 1, 2).to(device).contiguous(memory_format=layout))
        return copies[0]

    return on_device


def _torch_noise(device):
    """on_device(z): such noise there; a GPU draws its own, as PyTorch's example has it, for a copy waits for it."""
    import torch  # noqa: PLC0415

    def on_device(z):
        return torch.from_numpy(z) if device == 'cpu' else torch.rand(z.shape, device=device) * 2 - 1

    return on_device


def torch_resnet(arguments):
    """PyTorch: Miyato et al.'s ResNet GAN for 28x28, with PyTorch's own spectral normalisation."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415
    from torch.nn import functional  # noqa: PLC0415
    from torch.nn.utils.parametrizations import spectral_norm  # noqa: PLC0415

    class Up(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList(nn.BatchNorm2d(256, eps=1e-3, momentum=0.01) for _ in range(2))
            self.convolutions = nn.ModuleList(nn.Conv2d(256, 256, 3, padding=1) for _ in range(2))
            self.shortcut = nn.Conv2d(256, 256, 1)

        def forward(self, x):
            y = functional.interpolate(functional.relu(self.norms[0](x)), scale_factor=2)
            y = self.convolutions[1](functional.relu(self.norms[1](self.convolutions[0](y))))
            return y + self.shortcut(functional.interpolate(x, scale_factor=2))

    class Block(nn.Module):
        def __init__(self, channels, down, first=False):
            super().__init__()
            self.down, self.first = down, first
            self.one = spectral_norm(nn.Conv2d(channels, 128, 3, padding=1))
            self.two = spectral_norm(nn.Conv2d(128, 128, 3, padding=1))
            self.shortcut = spectral_norm(nn.Conv2d(channels, 128, 1)) if down else None

        def forward(self, x):
            y = self.two(functional.relu(self.one(x if self.first else functional.relu(x))))
            if not self.down:
                return x + y
            if self.first:
                return functional.avg_pool2d(y, 2) + self.shortcut(functional.avg_pool2d(x, 2))
            return functional.avg_pool2d(y, 2) + functional.avg_pool2d(self.shortcut(x), 2)

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.Sequential(Block(1, True, True), Block(128, True), Block(128, False), Block(128, False))
            self.last = spectral_norm(nn.Linear(128, 1))

        def forward(self, x):
            return self.last(functional.relu(self.blocks(x)).sum(dim=(2, 3)))

    generator = nn.Sequential(
        nn.Linear(128, 7 * 7 * 256), nn.Unflatten(1, (256, 7, 7)), Up(), Up(),
        nn.BatchNorm2d(256, eps=1e-3, momentum=0.01), nn.ReLU(), nn.Conv2d(256, 1, 3, padding=1), nn.Tanh())
    discriminator = Discriminator()
    layout, device = _torch_layout(arguments)
    for network in (generator, discriminator):
        network.to(device, memory_format=layout).train()
    optimizers = [torch.optim.Adam(network.parameters(), 2e-4, (0.0, 0.9), fused=True)
                  for network in (generator, discriminator)]
    average = [parameter.detach().clone() for parameter in generator.parameters()]

    on_device, noise = _torch_images(device, layout), _torch_noise(device)

    def learn(optimizer, loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def step(images, z):
        images = on_device(images)
        z = noise(z)
        size = len(images) // 5
        for i in range(5):
            with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
                discriminator.requires_grad_(True)
                with torch.no_grad():
                    fake = generator(z[i * size:(i + 1) * size])
                loss = functional.relu(1 - discriminator(images[i * size:(i + 1) * size]).float()).mean() \
                    + functional.relu(1 + discriminator(fake).float()).mean()
            learn(optimizers[1], loss)
        with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
            discriminator.requires_grad_(False)
            loss = -discriminator(generator(z[5 * size:])).float().mean()
        learn(optimizers[0], loss)
        with torch.no_grad():
            torch._foreach_lerp_(average, list(generator.parameters()), 0.001)

    return step, {'torch': torch.__version__}


def torch_dcgan(arguments):
    """PyTorch: carpedm20's network at 64x64 in the form of PyTorch's DCGAN example, with two updates of the generator.

    As there, the discriminator and the generator's first update share the fake images: one pass of the generator less.
    """
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415
    from torch.nn import functional  # noqa: PLC0415

    def norm(channels, activation):
        return [nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1), activation]

    def up(channels, filters):
        return nn.ConvTranspose2d(channels, filters, 5, stride=2, padding=2, output_padding=1)

    def down(channels, filters):
        return nn.Conv2d(channels, filters, 5, stride=2, padding=2)

    generator = nn.Sequential(
        nn.Linear(100, 4 * 4 * 512), nn.Unflatten(1, (512, 4, 4)), *norm(512, nn.ReLU()),
        up(512, 256), *norm(256, nn.ReLU()), up(256, 128), *norm(128, nn.ReLU()), up(128, 64), *norm(64, nn.ReLU()),
        up(64, 3), nn.Tanh())
    discriminator = nn.Sequential(
        down(3, 64), nn.LeakyReLU(0.2), down(64, 128), *norm(128, nn.LeakyReLU(0.2)),
        down(128, 256), *norm(256, nn.LeakyReLU(0.2)), down(256, 512), *norm(512, nn.LeakyReLU(0.2)),
        nn.Flatten(), nn.Linear(512 * 4 * 4, 1))
    layout, device = _torch_layout(arguments)
    on_device, noise = _torch_images(device, layout), _torch_noise(device)
    networks = [network.to(device, memory_format=layout).train() for network in (generator, discriminator)]
    optimizers = [torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), fused=True) for network in networks]
    generate, discriminate = [torch.compile(network) for network in networks] if arguments.compile else networks

    def entropy(logits, label):
        return functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, label).float())

    def computing():
        return torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16)

    def step(images, z):
        real, z = on_device(images), noise(z)
        discriminator.requires_grad_(True)
        with computing():
            fake = generate(z)
            d_loss = entropy(discriminate(real), 1.0) + entropy(discriminate(fake.detach()), 0.0)
        optimizers[1].zero_grad(set_to_none=True)
        d_loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        for update in range(2):
            with computing():
                g_loss = entropy(discriminate(generate(z) if update else fake), 1.0)
            optimizers[0].zero_grad(set_to_none=True)
            g_loss.backward()
            optimizers[0].step()

    return step, {'torch': torch.__version__}


def torch(arguments):
    """PyTorch, as its own DCGAN example does it, with the discriminator frozen while the generator learns."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415
    from torch.nn import functional  # noqa: PLC0415

    def block(channels):
        # Its momentum is the share of the new value.
        return [nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01), nn.LeakyReLU(LEAK), nn.Dropout(1 - KEEP)]

    generator = nn.Sequential(*(
        [nn.Linear(100, 4 * 4 * 512), nn.Unflatten(1, (512, 4, 4))] + block(512)
        + [nn.ConvTranspose2d(512, 256, 4)] + block(256)
        + [nn.ConvTranspose2d(256, 128, 3, stride=2, padding=1, output_padding=1)] + block(128)
        + [nn.ConvTranspose2d(128, 1, 3, stride=2, padding=1, output_padding=1), nn.Tanh()]))
    discriminator = nn.Sequential(*(
        [nn.Conv2d(1, 128, 3, stride=2, padding=1), nn.LeakyReLU(LEAK), nn.Dropout(1 - KEEP),
         nn.Conv2d(128, 256, 3, stride=2, padding=1)] + block(256)
        + [nn.Conv2d(256, 512, 3, stride=2, padding=1)] + block(512) + [nn.Flatten(), nn.Linear(512 * 4 * 4, 1)]))
    layout, device = _torch_layout(arguments)
    on_device, noise = _torch_images(device, layout), _torch_noise(device)
    networks = [network.to(device, memory_format=layout).train() for network in (generator, discriminator)]
    optimizers = [torch.optim.Adam(network.parameters(), 1e-3, (0.4, 0.999), fused=True) for network in networks]
    generate, discriminate = networks
    if arguments.compile:
        mode = 'reduce-overhead' if arguments.cuda_graphs else 'default'
        generate, discriminate = [torch.compile(network, mode=mode) for network in networks]

    def entropy(logits, label):
        return functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, label).float())

    def step(images, z):
        if arguments.cuda_graphs:
            torch.compiler.cudagraph_mark_step_begin()
        real = on_device(images)
        z = noise(z)
        with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
            discriminator.requires_grad_(False)
            g_loss = entropy(discriminate(generate(z)), 1 - SMOOTHING)
        optimizers[0].zero_grad(set_to_none=True)
        g_loss.backward()
        optimizers[0].step()
        with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
            discriminator.requires_grad_(True)
            with torch.no_grad():
                fake = generate(z)
            d_loss = entropy(discriminate(real), 1 - SMOOTHING) + entropy(discriminate(fake), 0.0)
        optimizers[1].zero_grad(set_to_none=True)
        d_loss.backward()
        optimizers[1].step()

    return step, {'torch': torch.__version__}
